import { Checkbox, Stack, Switch } from '@mantine/core';
import type { ReactNode } from 'react';
import { faultAt, type Problem } from '../api/problem.js';
import { valueText } from '../devices/filter-text.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { NumberField } from '../shared/number-field.js';
import { StateMark } from '../shared/state-mark.js';
import { enrolledAs, EnrolledAsFields, NOTHING_YET, type EnrolledAs } from './enrolled-as.js';

/** What becomes of devices that are not known yet, as it is being written. */
export interface RuleDraft extends EnrolledAs {
  readonly enabled: boolean;
  /** Undefined: as many as come. */
  readonly limit: number | undefined;
}

export const NEW_RULE: RuleDraft = { ...NOTHING_YET, enabled: true, limit: undefined };

/** As the API takes it. */
export const ruleOf = ({ enabled, limit, ...as }: RuleDraft) => ({
  ...enrolledAs(as),
  enabled,
  ...(limit === undefined ? {} : { limit }),
});

export const EnrolmentRuleFields = ({
  label,
  on,
  isThere,
  onThere,
  rule,
  onChange,
  enrolled,
  problem,
  children,
}: {
  /** That there is a rule. */
  readonly label: string;
  /** That it holds. */
  readonly on: string;
  readonly isThere: boolean;
  readonly onThere: (isThere: boolean) => void;
  readonly rule: RuleDraft;
  readonly onChange: (rule: RuleDraft) => void;
  /** Undefined: there was no rule yet. */
  readonly enrolled: number | undefined;
  readonly problem: Problem | undefined;
  /** What else it says. */
  readonly children?: ReactNode;
}) => (
  <>
    <Checkbox label={label} checked={isThere} onChange={(event) => onThere(event.currentTarget.checked)} />
    {isThere && (
      <Stack gap="sm" className="card">
        <Switch
          label={on}
          checked={rule.enabled}
          onChange={(event) => onChange({ ...rule, enabled: event.currentTarget.checked })}
        />
        {children}
        <EnrolledAsFields
          value={rule}
          onChange={(as) => onChange({ ...rule, ...as })}
          problem={problem}
          path="enrolment."
        />
        <NumberField
          label="At most so many"
          placeholder="as many as come"
          {...(enrolled === undefined ? {} : { description: `${count(enrolled)} have enrolled` })}
          value={rule.limit}
          min={1}
          onChange={(limit) => onChange({ ...rule, limit })}
          fault={faultAt(problem, 'enrolment.limit')}
          width={260}
        />
      </Stack>
    )}
  </>
);

/** Whether devices enrol that are not known yet, as what, and how many have. */
export const Enrols = ({
  rule: { deviceType, enabled, enrolled, limit, folder, tags },
}: {
  readonly rule: {
    /** By its name. */
    readonly deviceType: string;
    readonly enabled: boolean;
    readonly enrolled: number;
    readonly limit?: number;
    readonly folder?: string;
    readonly tags?: readonly string[];
  };
}) => {
  const full = limit !== undefined && enrolled >= limit;
  return (
    <>
      <StateMark
        state={!enabled ? 'suspended' : full ? 'used_up' : 'active'}
        word={!enabled ? 'rule is off' : full ? 'used up' : 'enrol'}
      />
      <div className="dim anywhere">
        as{' '}
        <AnchorLink to="/devices" search={{ filter: `deviceType==${valueText(deviceType)}` }}>
          {deviceType}
        </AnchorLink>
        {folder === undefined ? '' : ` in ${folder}`}
        {tags === undefined || tags.length === 0 ? '' : `, ${tags.join(', ')}`}: {count(enrolled)}
        {limit === undefined ? '' : ` of ${count(limit)}`}
      </div>
    </>
  );
};
