import type { HubCheck, HubEndpoint, HubFault } from '@muster/contracts/iothub-adapter/hubs.requests';
import { readEndpoint } from '../azure/built-in-endpoint.js';
import { HubFailure, HubRest } from '../azure/hub-rest.js';
import type { PolicyAccess } from './connection-string.js';
import { newProbe } from './probe.js';

/** What we do with a hub → the right that its policy needs for it. In this order: a later one may need an earlier. */
type Right = 'RegistryRead' | 'RegistryWrite' | 'ServiceConnect';

const TOUCH = { tags: { muster: 'check' } };

/**
 * Does once each kind of thing that will be done with a hub, and says what of it is not possible and why. An identity is made
 * in it, disabled, touched, and removed again: whether a policy may write is not to be learnt in another way. Throws nothing that the
 * hub says.
 */
export const inspectHub = async (hub: PolicyAccess): Promise<HubCheck & { readonly probeId: string }> => {
  const rest = new HubRest(hub);
  const probeId = newProbe();
  const probe = `/devices/${probeId}`;
  const refused = new Set<Right>();
  let endpoint: HubEndpoint | undefined;
  const attempt = async (right: Right, work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof HubFailure) || error.status !== 401) throw error;
      refused.add(right);
      return false;
    }
  };
  try {
    await attempt('RegistryRead', () => rest.request({ method: 'GET', path: '/devices?top=1' }));
    const body = {
      deviceId: probeId,
      status: 'disabled',
      authentication: { type: 'sas' },
    };
    const isMade = await attempt('RegistryWrite', () => rest.request({ method: 'PUT', path: probe, body }));
    await attempt('ServiceConnect', async () => {
      // Of this the route of twins has to tell.
      if (isMade)
        await rest.request({ method: 'PATCH', path: `/twins/${probeId}`, ifMatch: '*', body: TOUCH });
    });
    if (isMade) await rest.request({ method: 'DELETE', path: probe, ifMatch: '*' });
    await attempt('ServiceConnect', async () => {
      endpoint = await readEndpoint(hub);
    });
  } catch (error) {
    return { works: false, faults: [faultOf(hub, error)], probeId };
  }
  const faults = faultsOf(hub, [...refused]);
  return { works: faults.length === 0, faults, probeId, ...(endpoint === undefined ? {} : { endpoint }) };
};

const ALL = 3;

/** A hub answers a wrong key, an unknown policy and a missing right alike. Who may do something has shown the right key. */
const faultsOf = ({ hostName, policy }: PolicyAccess, refused: readonly Right[]): HubFault[] => {
  if (refused.length === 0) return [];
  if (refused.length === ALL) {
    return [
      {
        about: 'key',
        message:
          `${hostName} does not let us in as policy "${policy}": there is no such policy, its key is another, it has none ` +
          'of the rights RegistryRead, RegistryWrite and ServiceConnect, or our clock is wrong',
      },
    ];
  }
  const rights = refused.join(' and ');
  return [{ about: 'right', message: `policy "${policy}" of ${hostName} has no right ${rights}` }];
};

const NO_SUCH_HOST = ['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA'];

const faultOf = ({ hostName }: PolicyAccess, error: unknown): HubFault => {
  if (!(error instanceof HubFailure)) {
    // What the client of Event Hubs throws: the hub has redirected us to where we cannot read.
    const said = error instanceof Error ? error.message : String(error);
    return { about: 'endpoint', message: `the built-in endpoint of ${hostName} does not answer: ${said}` };
  }
  if (NO_SUCH_HOST.includes(error.reason)) {
    return { about: 'host-name', message: `there is no host ${hostName}` };
  }
  if (error.status === 0) return { about: 'host-name', message: error.message };
  if (error.status === 404) {
    return { about: 'host-name', message: `${hostName} answers, but is no IoT Hub` };
  }
  return { about: 'host-name', message: error.message };
};
