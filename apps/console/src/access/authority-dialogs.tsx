import { Group, Select, SimpleGrid, Text, TextInput, Textarea } from '@mantine/core';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { faultAt } from '../api/problem.js';
import { ActDialog } from '../shared/act-dialog.js';
import { sameJson } from '../shared/same-json.js';
import { CopyText } from '../shared/shown-once.js';
import { TimeInput } from '../shared/time-input.js';
import type { Authority } from './access.queries.js';
import { EnrolmentRuleFields, NEW_RULE, ruleOf, type RuleDraft } from './enrolment-rule.js';

type SubjectRule = Schema<'SubjectRule'>;

const SOURCES: Readonly<Record<SubjectRule['from'], string>> = {
  cn: 'its common name (CN)',
  'san-dns': 'its DNS name',
  'san-uri': 'its URI',
  'san-email': 'its e-mail address',
};
const MEANINGS: Readonly<Record<SubjectRule['is'], string>> = {
  name: 'the name of the device',
  serialNumber: 'the serial number of the device',
  credential: 'a name that an operator has issued a credential for',
};
const choices = <Key extends string>(names: Readonly<Record<Key, string>>) =>
  (Object.keys(names) as Key[]).map((value) => ({ value, label: names[value] }));

const PemInput = ({
  label,
  pem,
  onChange,
  error,
}: {
  readonly label: string;
  readonly pem: string;
  readonly onChange: (pem: string) => void;
  readonly error: string | undefined;
}) => (
  <Textarea
    required
    label={label}
    placeholder="-----BEGIN CERTIFICATE-----"
    value={pem}
    onChange={(event) => onChange(event.currentTarget.value)}
    error={error}
    autosize
    minRows={4}
    maxRows={10}
    spellCheck={false}
    classNames={{ input: 'mono' }}
  />
);

/** It opens nothing until its key was shown, which is asked for next. */
export const RegisterAuthority = ({
  onClose,
  onRegistered,
}: {
  readonly onClose: () => void;
  readonly onRegistered: (authority: Authority) => void;
}) => {
  const [name, setName] = useState('');
  const [certificate, setCertificate] = useState('');
  return (
    <ActDialog
      title="Add a certificate authority"
      act="Add, and show its key next"
      refreshes={['certificate-authorities']}
      run={(key) =>
        answered(
          api.POST('/api/v1/certificate-authorities', {
            params: { header: { 'Idempotency-Key': key } },
            body: { name, certificate },
          }),
        )
      }
      onDone={onRegistered}
      onClose={onClose}
    >
      {(problem) => (
        <>
          <TextInput
            data-autofocus
            required
            label="Name"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={faultAt(problem, 'name')}
          />
          <PemInput
            label="Its certificate (PEM)"
            pem={certificate}
            onChange={setCertificate}
            error={faultAt(problem, 'certificate')}
          />
          <Text c="dimmed">
            Its own certificate, which may sign others; never its key. What its certificates name, and whether
            unknown devices enrol, is edited afterwards.
          </Text>
        </>
      )}
    </ActDialog>
  );
};

/** What is to be done where the key is, step by step, with the texts to copy. */
export const VerifyAuthority = ({
  authority: { id, name, verificationCode = '' },
  onClose,
}: {
  readonly authority: Authority;
  readonly onClose: () => void;
}) => {
  const [proof, setProof] = useState('');
  const commands = [
    `openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=${verificationCode} -keyout proof.key -out proof.csr`,
    'openssl x509 -req -in proof.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -out proof.pem',
    'cat proof.pem',
  ].join('\n');
  return (
    <ActDialog
      title={`Show that you have the key of ${name}`}
      act="Verify"
      refreshes={['certificate-authorities']}
      run={() =>
        answered(
          api.POST('/api/v1/certificate-authorities/{id}/verify', {
            params: { path: { id } },
            body: { certificate: proof },
          }),
        )
      }
      onClose={onClose}
    >
      {(problem) => (
        <>
          <Text>
            Anybody can have the certificate of an authority. Its certificates open something when you have
            shown that you have its key, by a certificate that only this key can sign:
          </Text>
          <ol className="steps">
            <li>
              <Text mb={6}>Its common name (CN) is this code:</Text>
              <CopyText label="Code" text={verificationCode} />
            </li>
            <li>
              <Text mb={6}>
                Sign it where the key is. With openssl, <code>ca.pem</code> and <code>ca.key</code> being the
                authority’s:
              </Text>
              <CopyText label="Commands" text={commands} />
            </li>
            <li>
              <PemInput
                label="Paste what the last command has printed"
                pem={proof}
                onChange={setProof}
                error={
                  problem?.code === 'possession-not-shown' ? problem.detail : faultAt(problem, 'certificate')
                }
              />
            </li>
          </ol>
          <Text c="dimmed">
            You can close this and come back: the code stays. The signed certificate opens nothing by itself;
            delete it and its key afterwards.
          </Text>
        </>
      )}
    </ActDialog>
  );
};

/** Only what was changed is sent: a device that enrols meanwhile raises the version, and is no reason to refuse. */
export const EditAuthority = ({
  authority,
  onClose,
}: {
  readonly authority: Authority;
  readonly onClose: () => void;
}) => {
  const { id, enrolment: was } = authority;
  const [name, setName] = useState(authority.name);
  const [subject, setSubject] = useState<SubjectRule>(authority.subject);
  const [isRuled, setRuled] = useState(was !== undefined);
  const wasRule = { ...NEW_RULE, ...was };
  const [rule, setRule] = useState<RuleDraft>(wasRule);
  const [from, setFrom] = useState<string | undefined>(authority.validFrom);
  const [until, setUntil] = useState<string | undefined>(authority.validUntil);
  const enrolment = isRuled ? ruleOf(rule) : null;
  return (
    <ActDialog
      title={`Edit ${authority.name}`}
      act="Save"
      refreshes={['certificate-authorities']}
      run={() =>
        answered(
          api.PATCH('/api/v1/certificate-authorities/{id}', {
            params: { path: { id } },
            body: {
              ...(name === authority.name ? {} : { name }),
              ...(sameJson(subject, authority.subject) ? {} : { subject }),
              ...(sameJson(enrolment, was === undefined ? null : ruleOf(wasRule)) ? {} : { enrolment }),
              ...(from === authority.validFrom ? {} : { validFrom: from ?? null }),
              ...(until === authority.validUntil ? {} : { validUntil: until ?? null }),
            },
          }),
        )
      }
      onClose={onClose}
    >
      {(problem) => (
        <>
          <TextInput
            required
            label="Name"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={faultAt(problem, 'name')}
          />
          <Group grow align="start">
            <Select
              label="A certificate names its device by"
              data={choices(SOURCES)}
              value={subject.from}
              allowDeselect={false}
              onChange={(value) => value !== null && setSubject({ ...subject, from: value })}
              error={faultAt(problem, 'subject')}
            />
            <Select
              label="Which is"
              data={choices(MEANINGS)}
              value={subject.is}
              allowDeselect={false}
              onChange={(value) => value !== null && setSubject({ ...subject, is: value })}
            />
          </Group>
          <EnrolmentRuleFields
            label="There is a rule for devices that are not known yet"
            on="They enrol by their certificate"
            isThere={isRuled}
            onThere={setRuled}
            rule={rule}
            onChange={setRule}
            enrolled={was?.enrolled}
            problem={problem}
          />
          <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
            <TimeInput
              label="Opens from"
              description="Empty: as its certificate says"
              at={from}
              onChange={setFrom}
              error={faultAt(problem, 'validFrom')}
            />
            <TimeInput
              label="Until"
              description="Empty: as its certificate says"
              at={until}
              onChange={setUntil}
              error={faultAt(problem, 'validUntil')}
            />
          </SimpleGrid>
        </>
      )}
    </ActDialog>
  );
};
