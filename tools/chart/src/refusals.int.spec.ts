import { expect, it } from '@jest/globals';
import { describeWithHelm, refusal, render } from './helm.fixture.js';
import { named, variable } from './manifests.fixture.js';

describeWithHelm('the chart refuses', () => {
  it.each([
    ['a misspelt key', 'netwrokPolicy.enabled=false', 'netwrokPolicy'],
    ['a misspelt key of a service', 'services.telemetry.replcas=3', 'replcas'],
    ['a service that there is not', 'services.telemtry.replicas=3', 'telemtry'],
    [
      'a misspelt variable',
      'services.telemetry.env.MUSTER_TELEMETRY_POOLSIZE=3',
      'MUSTER_TELEMETRY_POOLSIZE',
    ],
    [
      'a variable of another service',
      'services.telemetry.env.MUSTER_COMMANDS_POOL_SIZE=3',
      'MUSTER_COMMANDS_POOL_SIZE',
    ],
    ['a variable that has a value of its own', 'services.firmware.env.MUSTER_FILES=/tmp', 'MUSTER_FILES'],
    ['an address with a path', 'publicUrl=https://example.com/muster', 'publicUrl'],
    ['a door that nobody could enter', 'mqtt.tls.existingSecret=', 'no device could connect'],
  ])('%s', (_what, flag, word) => {
    expect(refusal('minimal', flag)).toContain(word);
  });

  it('more connections than PostgreSQL has, and says how many each service may open', () => {
    expect(refusal('minimal', 'database.maxConnections=323')).toContain(
      'may open 304 connections to PostgreSQL, and 303 are there',
    );
    expect(refusal('minimal', 'database.maxConnections=324')).toBe('');
    const more = ['services.telemetry.replicas=5', 'services.telemetry.env.MUSTER_TELEMETRY_POOL_SIZE=20'];
    expect(refusal('minimal', ...more)).toContain('telemetry 7 x 20');
    expect(refusal('minimal', 'autoscaling.by=hpa')).toContain('telemetry 6 x 8');
  });
});

describeWithHelm('the chart', () => {
  it('writes large numbers as numbers', () => {
    const { spec } = named(render('everything'), 'Deployment', 'muster-telemetry');
    const [container] = spec.template.spec.containers;
    expect(variable(container, 'MUSTER_TELEMETRY_STREAM_MAX_BYTES')).toBe('5368709120');
  });
});
