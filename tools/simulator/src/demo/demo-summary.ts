import { typeOf } from './demo-fleet.js';
import type { DemoFacts } from './set-up-demo.js';

/** Lines to paste: they need nothing but curl, and nothing in them is to be edited. */
export const demoSummary = (
  { runningCampaign, finishedCampaign, refusedJob, radiator, away }: DemoFacts,
  where: {
    readonly fleet: string;
    readonly url: string;
    readonly keyFile: string;
    readonly directory: string;
    /** Since when there is telemetry to see. */
    readonly since: string;
  },
): string => {
  const { fleet, url } = where;
  const type = typeOf(fleet, 'radiator');
  return `
The demo runs: devices of four kinds, and somebody who uses them. What there is to look at, to paste into another terminal:

  cd ${shellQuote(where.directory)}
  api() { curl -sS -w '\\n' -H "x-api-key: $(cat ${shellQuote(where.keyFile)})" -H 'content-type: application/json' "$@"; }
  API=${url}/api/v1

  # the fleet in numbers; who is away; who refused what it should be, and why
  api "$API/fleet/summary?filter=deviceType==${fleet}-*"
  api "$API/devices?filter=deviceType==${fleet}-*;connected==false"
  api "$API/devices?filter=group==${fleet}-refusing&limit=3"
  api $API/devices/${radiator}/configuration

  # a campaign that runs, with failures: how it stands, who failed and why, and the batch that waits for you
  api $API/campaigns/${runningCampaign}
  api $API/campaigns/${runningCampaign}/statistics
  api "$API/campaigns/${runningCampaign}/targets?status=failed"
  api -X POST $API/campaigns/${runningCampaign}/batches/4/release

  # one that has ended, and the others: drafted and scheduled
  api $API/campaigns/${finishedCampaign}/statistics
  api "$API/campaigns?name=${fleet}:"

  # six hours of telemetry, with alarms in it; a value that no radiator may take; software; a command that came too late
  api "$API/devices/${radiator}/telemetry?keys=temperature,alarm&from=${where.since}&limit=10"
  api "$API/jobs/${refusedJob}/errors?limit=3"
  api $API/devices/${radiator}/software
  api "$API/devices?filter=deviceType==${type};software.default==1.1.0&count=true&limit=1"
  api $API/devices/${away}/commands

  # everything as it happens
  curl -sSN -H "x-api-key: $(cat ${shellQuote(where.keyFile)})" "$API/stream?topics=campaign.${runningCampaign},fleet"
`;
};

const shellQuote = (text: string): string =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
