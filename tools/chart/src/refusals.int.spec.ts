import { expect, it } from '@jest/globals';
import { describeWithHelm, refusal, refusalOf, render } from './helm.fixture.js';
import { named, ofKind, variable } from './manifests.fixture.js';

const SCALED = 'autoscaling.by=hpa,database.maxConnections=600';

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
    ['a variable that is no number', 'services.telemetry.env.MUSTER_TELEMETRY_POOL_SIZE=a', 'POOL_SIZE'],
    ['a variable that is too small', 'services.telemetry.env.MUSTER_TELEMETRY_POOL_SIZE=1', 'want 2'],
    ['a variable that is none of its words', 'env.MUSTER_LOG_LEVEL=loud', "one of 'trace', 'debug'"],
    ['a tag that is none', 'image.tag=1.2.3@sha256:abc', 'image/tag'],
    ['a password in an address', 'nats.url=nats://me:secret@nats:4222', 'nats/url'],
    ['a label by which it finds its pods', 'defaults.podLabels.app\\.kubernetes\\.io/name=x', 'propertyName'],
    ['that a key is taken away', 'services.gateway=null', "missing property 'gateway'"],
    ['a policy without ports, which would allow all', 'networkPolicy.dns.ports=null', 'networkPolicy/dns'],
    ['a door that nobody could enter', 'mqtt.tls.existingSecret=', 'no device could connect'],
    ['routes of no Gateway', 'http.exposedBy=gatewayApi', 'parentRefs is empty'],
    ['a route of TLS to no Gateway', 'mqtt.tlsRoute.enabled=true', 'parentRefs and hostnames'],
    [
      'one host for people and devices',
      'http.exposedBy=ingress,devicesUrl=https://muster.example.com:8443',
      'the same host',
    ],
    [
      'half of what opens a bucket',
      'files.location=s3://files,files.s3.accessKeyId=muster',
      'accessKeyId and files.s3.existingSecret',
    ],
    ['a bus behind its own policy', 'nats.url=nats://nats:5222', 'networkPolicy.nats.ports has 4222'],
    [
      'one of several servers behind its own policy',
      'nats.url=tls://nats-0\\,tls://nats-1:4223',
      'leads to port 4223',
    ],
    [
      'a bucket behind its own policy',
      'files.s3.endpoint=http://minio:9000',
      'networkPolicy.files.ports has 443',
    ],
    [
      'replicas of a service that is scaled',
      `${SCALED},services.telemetry.replicas=5`,
      'services.telemetry.autoscaling.minReplicas',
    ],
    ['less at most than at least', `${SCALED},defaults.autoscaling.minReplicas=9`, 'minReplicas 9'],
  ])('%s', (_what, flag, word) => {
    expect(refusal('minimal', flag)).toContain(word);
  });

  it('a name of the release that no Service may have', () => {
    for (const release of ['1st', 'fleet.north'])
      expect(refusalOf(release, 'minimal')).toContain(`The name of the release, ${release},`);
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
  it('takes what stands beside: a bus and a bucket at ports that the policy names', () => {
    const elsewhere = ['nats.url=nats://nats:5222,networkPolicy.nats.ports={5222}'];
    const bucket = 'files.s3.endpoint=http://minio:9000,networkPolicy.files.ports={443,9000}';
    expect(refusal('minimal', ...elsewhere, bucket)).toBe('');
    expect(refusal('minimal', 'nats.url=nats://nats:5222,networkPolicy.enabled=false')).toBe('');
  });

  it('scales no service that is turned off', () => {
    const resources = render('ingress', 'services.iothub-adapter.replicas=0');
    const scaled = ofKind(resources, 'HorizontalPodAutoscaler').map(({ metadata }) => metadata.name);
    expect(scaled).toHaveLength(ofKind(resources, 'Deployment').length - 1);
    expect(scaled).not.toContain('muster-iothub-adapter');
    expect(named(resources, 'Deployment', 'muster-iothub-adapter').spec.replicas).toBe(0);
  });

  it('gives an ordinary migration a name for whatever is in it: a Job cannot be changed', () => {
    const nameWith = (...flags: readonly string[]): string | undefined =>
      ofKind(render('ingress', ...flags), 'Job')[0]?.metadata.name;
    expect(nameWith()).toBe(nameWith());
    expect(nameWith('migrate.resources.limits.memory=1Gi')).not.toBe(nameWith());
    expect(nameWith('image.tag=9.9.9')).not.toBe(nameWith());
  });

  it('writes large numbers as numbers', () => {
    const { spec } = named(render('everything'), 'Deployment', 'muster-telemetry');
    const [container] = spec.template.spec.containers;
    expect(variable(container, 'MUSTER_TELEMETRY_STREAM_MAX_BYTES')).toBe('5368709120');
  });
});
