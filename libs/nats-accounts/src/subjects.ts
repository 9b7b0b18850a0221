/** Where JetStream's own API is, in the account of the services. */
export const JETSTREAM_API = '$JS.API';

/**
 * Where integrators find it: clients call it the API prefix. Not the usual one, because there a server with JetStream
 * answers for the integrators' own account, which has none.
 */
export const INTEGRATORS_API = 'MUSTER.API';
