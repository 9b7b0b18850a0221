import {
  Button,
  FileInput,
  Group,
  Menu,
  Radio,
  Select,
  Stack,
  TagsInput,
  Text,
  TextInput,
} from '@mantine/core';
import { KebabHorizontalIcon, UploadIcon } from '@primer/octicons-react';
import { useMutation, useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api, withEtag, type Schema } from '../api/client.js';
import { faultAt } from '../api/problem.js';
import { sendBody } from '../api/send-body.js';
import { deviceTypesQuery } from '../devices/devices.queries.js';
import { keyText, valueText } from '../devices/filter-text.js';
import { ActButton, ActItem } from '../shared/act-button.js';
import { ActDialog } from '../shared/act-dialog.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { Confirm } from '../shared/confirm-count.js';
import { bytes } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing, PageHeader } from '../shared/page.js';
import { Sending } from '../shared/sending.js';
import { Describe } from './describe.js';
import { DownloadTokens } from './download-tokens.js';
import { firmwareTypesQuery, type FirmwareType } from '../types/types.queries.js';
import { ActsHead, Table } from '../shared/table.js';

type Firmware = Schema<'FirmwareView'>;

const OFFERED = { general: 'every device', targeted: 'some devices', suspended: 'nobody' } as const;

const libraryQuery = {
  queryKey: ['firmwares', 'library'],
  queryFn: ({ signal }: { readonly signal: AbortSignal }) =>
    answered(api.GET('/api/v1/firmwares', { params: { query: { limit: 200, count: true } }, signal })),
};

/** Every firmware there is, to whom it is offered, and which devices run it. */
export const FirmwarePage = () => {
  const firmwares = useQuery(libraryQuery);
  const types = useQuery(deviceTypesQuery).data?.items ?? [];
  const typeNames = new Map(types.map(({ id, name }) => [id, name]));
  const firmwareTypes = useFirmwareTypes();
  /** What filters call it: the first firmware type of a device type is its default. Undefined: not known, or the type is gone. */
  const softwareOf = ({ firmwareTypeId, deviceTypeId }: Firmware): string | undefined => {
    const its = firmwareTypes.find(({ id }) => id === firmwareTypeId);
    if (its === undefined || !typeNames.has(deviceTypeId)) return undefined;
    return `software.${its.isDefault ? 'default' : keyText(its.name)}`;
  };
  const [uploading, setUploading] = useState(false);
  const [changing, setChanging] = useState<Firmware>();
  const [deleting, setDeleting] = useState<Firmware>();
  const [describing, setDescribing] = useState<Firmware>();
  const [tokensOf, setTokensOf] = useState<Firmware>();
  return (
    <div className="page">
      <PageHeader
        title="Firmware"
        actions={
          <ActButton
            needs="firmware"
            leftSection={<UploadIcon size={14} />}
            onClick={() => setUploading(true)}
          >
            Upload
          </ActButton>
        }
      />
      <Loaded query={firmwares}>
        {({ items, nextCursor }) =>
          items.length === 0 ? (
            <Nothing why="There is no firmware yet. A device type needs a firmware type first.">
              <AnchorLink to="/types">To the device types</AnchorLink>
              <ActButton needs="firmware" onClick={() => setUploading(true)}>
                Upload the first one
              </ActButton>
            </Nothing>
          ) : (
            <>
              <Table
                isCards
                head={
                  <>
                    <th>Firmware type</th>
                    <th>Version</th>
                    <th>Offered to</th>
                    <th className="wide">Upgrades from</th>
                    <th className="right wide">Size</th>
                    <th className="wide">Uploaded</th>
                    <ActsHead />
                  </>
                }
              >
                {items.map((firmware) => (
                  <tr key={firmware.id}>
                    <td className="anywhere">
                      {firmware.firmwareType} of{' '}
                      <AnchorLink to="/types/$id" params={{ id: firmware.deviceTypeId }}>
                        {typeNames.get(firmware.deviceTypeId) ?? 'its type'}
                      </AnchorLink>
                      {firmware.description !== undefined && (
                        <div className="dim">{firmware.description}</div>
                      )}
                    </td>
                    <td className="value">
                      {firmware.version}
                      <div>
                        {softwareOf(firmware) !== undefined && (
                          <AnchorLink
                            to="/devices"
                            search={{
                              filter: `${softwareOf(firmware)}==${valueText(firmware.version)};deviceType==${valueText(typeNames.get(firmware.deviceTypeId))}`,
                            }}
                          >
                            devices that run it
                          </AnchorLink>
                        )}
                      </div>
                    </td>
                    <td>{OFFERED[firmware.rollout.strategy]}</td>
                    <td className="anywhere wide">
                      {firmware.upgradableFrom.length === 0
                        ? 'every version'
                        : firmware.upgradableFrom.join(', ')}
                    </td>
                    <td className="right wide">{bytes(firmware.size)}</td>
                    <td className="wide">
                      <Moment at={firmware.createdAt} />
                    </td>
                    <td>
                      <Group gap={4} justify="flex-end" wrap="nowrap">
                        <ActButton
                          needs="firmware"
                          variant="default"
                          onClick={() => setChanging(firmware)}
                          aria-label={`Offer … ${firmware.version}`}
                        >
                          Offer …
                        </ActButton>
                        <Menu position="bottom-end">
                          <Menu.Target>
                            <Button
                              variant="default"
                              px={8}
                              aria-label={`More acts: ${firmware.firmwareType} ${firmware.version}`}
                            >
                              <KebabHorizontalIcon size={16} />
                            </Button>
                          </Menu.Target>
                          <Menu.Dropdown>
                            <ActItem needs="firmware" onClick={() => setDescribing(firmware)}>
                              Describe …
                            </ActItem>
                            <Menu.Item onClick={() => setTokensOf(firmware)}>Download tokens</Menu.Item>
                            <ActItem
                              needs="firmware"
                              color="var(--bad)"
                              onClick={() => setDeleting(firmware)}
                            >
                              Delete …
                            </ActItem>
                          </Menu.Dropdown>
                        </Menu>
                      </Group>
                    </td>
                  </tr>
                ))}
              </Table>
              {nextCursor !== null && (
                <Text c="dimmed">These are the first 200; GET /api/v1/firmwares lists all.</Text>
              )}
            </>
          )
        }
      </Loaded>
      {uploading && <Upload onClose={() => setUploading(false)} />}
      {changing !== undefined && <Offer firmware={changing} onClose={() => setChanging(undefined)} />}
      {describing !== undefined && (
        <Describe firmware={describing} onClose={() => setDescribing(undefined)} />
      )}
      {tokensOf !== undefined && (
        <DownloadTokens firmware={tokensOf} onClose={() => setTokensOf(undefined)} />
      )}
      {deleting !== undefined && <Delete firmware={deleting} onClose={() => setDeleting(undefined)} />}
    </div>
  );
};

/** Of all device types, each with the name of its own. */
const useFirmwareTypes = (): readonly (FirmwareType & { readonly ofType: string })[] => {
  const types = useQuery(deviceTypesQuery).data?.items ?? [];
  return useQueries({ queries: types.map(({ id }) => firmwareTypesQuery(id)) }).flatMap(({ data }, index) =>
    (data?.items ?? []).map((its) => ({ ...its, ofType: types[index]?.name ?? '' })),
  );
};

const Upload = ({ onClose }: { readonly onClose: () => void }) => {
  const firmwareTypes = useFirmwareTypes().map(({ id, name, ofType }) => ({
    value: id,
    label: `${name} (of ${ofType})`,
  }));
  const [firmwareType, setFirmwareType] = useState<string | null>(null);
  const [version, setVersion] = useState('');
  const [from, setFrom] = useState<string[]>([]);
  const [file, setFile] = useState<File | null>(null);
  /** Undefined: nothing is being sent. */
  const [sent, setSent] = useState<number>();
  return (
    <ActDialog
      title="Upload a firmware"
      act="Upload"
      refreshes={['firmwares']}
      isReady={file !== null && firmwareType !== null}
      run={async (key) => {
        // The file comes last: what is wrong with the other fields is told before it is sent.
        const form = new FormData();
        form.set('firmwareType', firmwareType ?? '');
        form.set('version', version);
        for (const one of from) form.append('upgradableFrom', one);
        if (file !== null) form.set('file', file);
        setSent(0);
        try {
          await sendBody('/api/v1/firmwares', {
            body: form,
            headers: { 'idempotency-key': key },
            onSent: setSent,
          });
        } finally {
          setSent(undefined);
        }
      }}
      onClose={onClose}
    >
      {(problem) => (
        <>
          <Select
            required
            searchable
            label="Firmware type"
            data={firmwareTypes}
            value={firmwareType}
            onChange={setFirmwareType}
            nothingFoundMessage="There is none; the page of a device type makes one"
            error={faultAt(problem, 'firmwareType')}
          />
          <TextInput
            required
            label="Version"
            value={version}
            onChange={(event) => setVersion(event.currentTarget.value)}
            error={faultAt(problem, 'version')}
          />
          <TagsInput
            label="Upgrades from these versions only"
            placeholder="every version"
            value={from}
            onChange={setFrom}
            error={faultAt(problem, 'upgradableFrom')}
          />
          <FileInput required label="File" value={file} onChange={setFile} error={faultAt(problem, 'file')} />
          <Text c="dimmed">
            Nobody is offered it before you say to whom. The file never changes. Keep this open until it is
            there.
          </Text>
          {sent !== undefined && file !== null && <Sending file={file} share={sent} />}
        </>
      )}
    </ActDialog>
  );
};

/** Offering is for devices that take software by themselves; in batches that are watched it is a campaign. */
const Offer = ({ firmware, onClose }: { readonly firmware: Firmware; readonly onClose: () => void }) => {
  const queries = useQueryClient();
  const [strategy, setStrategy] = useState(firmware.rollout.strategy);
  const [tags, setTags] = useState<string[]>(firmware.rollout.filter?.tags ?? []);
  const named = firmware.rollout.filter?.deviceIds;
  const offer = useMutation({
    mutationFn: () =>
      withEtag(
        api.PATCH('/api/v1/firmwares/{id}', {
          params: { path: { id: firmware.id }, header: { 'If-Match': `"${firmware.revision}"` } },
          body: {
            rollout: {
              strategy,
              ...(strategy === 'targeted'
                ? { filter: { tags, ...(named === undefined ? {} : { deviceIds: named }) } }
                : {}),
            },
          },
        }),
      ),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['firmwares'] });
      onClose();
    },
  });
  return (
    <Confirm
      title={`Offer ${firmware.firmwareType} ${firmware.version}`}
      act="Save"
      {...(strategy === 'general' && firmware.rollout.strategy !== 'general'
        ? { toType: firmware.version }
        : {})}
      busy={offer.isPending}
      error={offer.error}
      onClose={onClose}
      onConfirm={() => offer.mutate()}
    >
      <Radio.Group
        label="To whom"
        value={strategy}
        onChange={(value) => setStrategy(value === 'general' || value === 'targeted' ? value : 'suspended')}
      >
        <Stack gap={6} mt={6}>
          <Radio value="suspended" label="Nobody" />
          <Radio value="targeted" label="Devices with a tag" />
          <Radio value="general" label="Every device of its type" />
        </Stack>
      </Radio.Group>
      {strategy === 'targeted' && (
        <TagsInput
          label="Tags"
          description={named === undefined ? undefined : `and ${named.length} devices that are named`}
          value={tags}
          onChange={setTags}
        />
      )}
      <Text c="dimmed">
        Devices that ask get it from now on, all at once. To update in batches that are watched,{' '}
        <AnchorLink to="/campaigns/new">prepare a campaign</AnchorLink> instead.
      </Text>
    </Confirm>
  );
};

const Delete = ({ firmware, onClose }: { readonly firmware: Firmware; readonly onClose: () => void }) => (
  <ActDialog
    title={`Delete ${firmware.firmwareType} ${firmware.version}`}
    act="Delete"
    danger
    toType={firmware.version}
    refreshes={['firmwares']}
    run={() =>
      answered(
        api.DELETE('/api/v1/firmwares/{id}', {
          params: { path: { id: firmware.id }, header: { 'If-Match': `"${firmware.revision}"` } },
        }),
      )
    }
    onClose={onClose}
  >
    <Text>Devices that are fetching it cannot finish. This cannot be undone.</Text>
  </ActDialog>
);
