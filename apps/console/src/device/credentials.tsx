import { Select, Text, Textarea, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { authoritiesQuery } from '../access/access.queries.js';
import { answered, api, type Schema } from '../api/client.js';
import { faultAt, type Problem } from '../api/problem.js';
import { ActButton } from '../shared/act-button.js';
import { ActDialog } from '../shared/act-dialog.js';
import { NumberField } from '../shared/number-field.js';
import { ShownOnce } from '../shared/shown-once.js';
import { TimeInput } from '../shared/time-input.js';
import { credentialsQuery } from './device.queries.js';
import { IssuedList, type IssuedEdit } from './issued-list.js';

type Credential = Schema<'DeviceCredential'>;
type Kind = 'password' | 'self-signed' | 'ca-signed' | 'secret';
type Issued = Schema<'IssuedCredential'>;

const KINDS: Readonly<Record<Kind, string>> = {
  password: 'a user name and a password',
  'self-signed': 'one certificate of its own',
  'ca-signed': 'certificates of an authority',
  secret: 'a secret in a header',
};

/** How the device speaks. */
export type Via = Schema<'DeviceView'>['interface'];

/** By what else than its token a device can show who it is. A hub lets its devices in without a token too, by a key that it has made. */
const KINDS_OVER: Readonly<Record<Via, readonly [Kind, ...Kind[]]>> = {
  mqtt: ['password', 'self-signed', 'ca-signed'],
  http: ['secret'],
  iothub: ['self-signed', 'ca-signed'],
};

export const Credentials = ({ id, via }: { readonly id: string; readonly via: Via }) => {
  const credentials = useQuery(credentialsQuery(id));
  const [issuing, setIssuing] = useState(false);
  const [replacing, setReplacing] = useState<Credential>();
  return (
    <>
      <IssuedList<Credential>
        deviceId={id}
        title="Credentials"
        noun="credential"
        nothing={
          via === 'iothub'
            ? 'It has no certificate: the hub lets it in by a key.'
            : 'It has no credential beside its token.'
        }
        suspended="Whoever is connected with it is disconnected at once."
        revoked="Whoever is connected with it is disconnected at once."
        query={credentials}
        known={({ kind, username, subject, sha256 }) => (
          <>
            {kind} <span className="dim">{username ?? subject ?? sha256 ?? ''}</span>
          </>
        )}
        nameOf={({ kind, username, subject }) => `${kind} ${username ?? subject ?? ''}`.trim()}
        calls={{
          edit: (credentialId, body: IssuedEdit) =>
            answered(
              api.PATCH('/api/v1/devices/{id}/credentials/{credentialId}', {
                params: { path: { id, credentialId } },
                body,
              }),
            ),
          remove: (credentialId) =>
            answered(
              api.DELETE('/api/v1/devices/{id}/credentials/{credentialId}', {
                params: { path: { id, credentialId } },
              }),
            ),
        }}
        actions={
          <ActButton needs="device" variant="default" onClick={() => setIssuing(true)}>
            New credential …
          </ActButton>
        }
        onRotate={setReplacing}
      />
      {issuing && <IssueCredential id={id} via={via} onClose={() => setIssuing(false)} />}
      {replacing !== undefined && (
        <RotateCredential id={id} credential={replacing} onClose={() => setReplacing(undefined)} />
      )}
    </>
  );
};

/** What was issued, where there is something to be shown: a certificate is known to who has sent it. */
const shownOf = ({ kind, username, password, secret }: Issued, onClose: () => void) =>
  kind === 'self-signed' || kind === 'ca-signed' ? undefined : (
    <ShownOnce
      title="A new credential"
      secrets={kind === 'password' ? { Username: username, Password: password } : { Secret: secret }}
      lost="Revoke the one that was made, and issue another."
      onClose={onClose}
    />
  );

const IssueCredential = ({
  id,
  via,
  onClose,
}: {
  readonly id: string;
  readonly via: Via;
  readonly onClose: () => void;
}) => {
  const kinds = KINDS_OVER[via];
  const [kind, setKind] = useState(kinds[0]);
  const [username, setUsername] = useState('');
  const [shown, setShown] = useState('');
  const [subject, setSubject] = useState('');
  const [authorityId, setAuthorityId] = useState<string | null>(null);
  const [until, setUntil] = useState<string>();
  const authorities = useQuery({ ...authoritiesQuery(), enabled: kind === 'ca-signed' }).data?.items ?? [];
  return (
    <ActDialog
      title="Issue a credential"
      act="Issue"
      refreshes={['device', id]}
      run={(key) =>
        answered(
          api.POST('/api/v1/devices/{id}/credentials', {
            params: { path: { id }, header: { 'Idempotency-Key': key } },
            body: {
              kind,
              ...(until === undefined ? {} : { validUntil: until }),
              ...(kind === 'password' && username !== '' ? { username } : {}),
              ...(kind === 'self-signed' ? certificateIn(shown) : {}),
              ...(kind === 'ca-signed' ? { subject } : {}),
              ...(kind === 'ca-signed' && authorityId !== null ? { authorityId } : {}),
            },
          }),
        )
      }
      answer={(issued) => shownOf(issued, onClose)}
      onClose={onClose}
    >
      {(problem) => (
        <>
          <Select
            label="The device shows"
            data={kinds.map((value) => ({ value, label: KINDS[value] }))}
            value={kind}
            allowDeselect={false}
            onChange={(value) => value !== null && setKind(value)}
            error={faultAt(problem, 'kind')}
          />
          {kind === 'password' && (
            <TextInput
              label="User name"
              description="Empty: the id of the device. The password is made by the platform."
              value={username}
              onChange={(event) => setUsername(event.currentTarget.value)}
              error={faultAt(problem, 'username')}
              autoComplete="off"
            />
          )}
          {kind === 'self-signed' && <CertificateInput shown={shown} onChange={setShown} problem={problem} />}
          {kind === 'ca-signed' && (
            <>
              <TextInput
                required
                label="Subject"
                description="The name in its certificates"
                value={subject}
                onChange={(event) => setSubject(event.currentTarget.value)}
                error={faultAt(problem, 'subject')}
              />
              <Select
                clearable
                label="Authority"
                placeholder="any of the tenant"
                data={authorities.map(({ id: value, name }) => ({ value, label: name }))}
                value={authorityId}
                onChange={setAuthorityId}
                error={faultAt(problem, 'authorityId')}
              />
            </>
          )}
          <TimeInput
            label="Until"
            description="Empty: without end"
            at={until}
            onChange={setUntil}
            error={faultAt(problem, 'validUntil')}
          />
          {via === 'mqtt' && (
            <Text c="dimmed">
              While the device is let in by its token alone, this is one way more. “Edit” at the top of the
              page ends that.
            </Text>
          )}
        </>
      )}
    </ActDialog>
  );
};

const RotateCredential = ({
  id,
  credential: { id: credentialId, kind },
  onClose,
}: {
  readonly id: string;
  readonly credential: Credential;
  readonly onClose: () => void;
}) => {
  const [hours, setHours] = useState<number | undefined>(24);
  const [shown, setShown] = useState('');
  return (
    <ActDialog
      title="Issue another in its place"
      act="Issue"
      danger={hours === 0}
      refreshes={['device', id]}
      run={(key) =>
        answered(
          api.POST('/api/v1/devices/{id}/credentials/{credentialId}/rotate', {
            params: { path: { id, credentialId }, header: { 'Idempotency-Key': key } },
            body: {
              overlapSeconds: Math.round((hours ?? 24) * 3_600),
              ...(kind === 'self-signed' ? certificateIn(shown) : {}),
            },
          }),
        )
      }
      answer={(issued) => shownOf(issued, onClose)}
      onClose={onClose}
    >
      {(problem) => (
        <>
          <NumberField
            label="Hours for which both open"
            description="0: the one before is revoked at once, and who is connected with it is disconnected"
            required
            whole={false}
            value={hours}
            min={0}
            onChange={setHours}
            fault={faultAt(problem, 'overlapSeconds')}
            width={320}
          />
          {kind === 'self-signed' && <CertificateInput shown={shown} onChange={setShown} problem={problem} />}
        </>
      )}
    </ActDialog>
  );
};

const CertificateInput = ({
  shown,
  onChange,
  problem,
}: {
  readonly shown: string;
  readonly onChange: (shown: string) => void;
  readonly problem: Problem | undefined;
}) => (
  <Textarea
    required
    label="Certificate (PEM), or its SHA-256 in hexadecimal"
    value={shown}
    onChange={(event) => onChange(event.currentTarget.value)}
    error={faultAt(problem, 'certificate') ?? faultAt(problem, 'sha256')}
    autosize
    minRows={3}
    maxRows={12}
    spellCheck={false}
    classNames={{ input: 'mono' }}
  />
);

/** A PEM begins with dashes; a fingerprint may be written with colons and in capitals, as openssl does. */
const certificateIn = (shown: string): { certificate: string } | { sha256: string } => {
  const digits = shown.replaceAll(/[\s:]/g, '').toLowerCase();
  return shown.trim().startsWith('-') ? { certificate: `${shown.trim()}\n` } : { sha256: digits };
};
