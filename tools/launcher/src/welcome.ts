import { relative } from 'node:path';
import type { Settings, Urls } from '@muster/local-servers';
import { tlsDirectory, type Application } from './applications.js';

/** Lines to paste: they need nothing but curl and a client, and nothing in them is to be edited. */
export const welcome = (
  settings: Settings,
  urls: Urls,
  applications: readonly Application[],
  publisher: 'mosquitto_pub' | 'npx mqtt',
): string => {
  const broker = new URL(urls.mqtt);
  const keyFile = shellQuote(relative(process.cwd(), `${settings.home}/admin-api-key`));
  const api = `curl -sS -w '\\n' -H "$KEY" -H 'content-type: application/json'`;
  const topic = 'kp1/radiator-v1/dcx/my-first-token/json/1';
  const publish =
    publisher === 'mosquitto_pub'
      ? `mosquitto_pub -h ${broker.hostname} -p ${broker.port || '1883'} -q 1 -t ${topic} -m '{"temperature": 21.5}'`
      : `npx mqtt pub -h ${broker.hostname} -p ${broker.port || '1883'} -q 1 -t ${topic} -m '{"temperature": 21.5}'`;
  return `
muster is ready.

  console      ${urls.gateway}/      sign in with the admin key
  REST API     ${urls.gateway}/api/v1      its documentation: ${urls.gateway}/api/v1/docs
  MQTT         ${urls.mqtt}${settings.anonymousMqtt === 'on' ? '      (no password needed: MUSTER_ANONYMOUS_MQTT=off asks for one)' : ''}
  MQTT, TLS    ${urls.mqtts}      ${knownBy(settings)}
  WebSocket    ${urls.mqtt.replace(/^mqtt/, 'ws')}/mqtt, ${urls.mqtts.replace(/^mqtts/, 'wss')}/mqtt
  HTTP         ${urls.httpDevices}/kp1      the device API for devices without MQTT
  NATS         ${urls.nats}
  admin key    ${settings.home}/admin-api-key
  PostgreSQL   ${withoutPassword(urls.database)}      password: ${settings.home}/postgres-password
  logs         ${settings.home}/log/{${[...applications.map(({ name }) => name), 'postgres', 'nats', 'rabbitmq'].join(',')}}.log

A first device, its first sample, and what was stored. To paste into another terminal; a second time, type and device are there already and the answers say so:

  cd ${shellQuote(process.cwd())}
  API=${urls.gateway}/api/v1  KEY="x-api-key: $(cat ${keyFile})"
  ${api} $API/device-types -d '{"name": "radiator"}'
  ${api} $API/devices -d '{"name": "radiator-1", "deviceType": "radiator", "token": "my-first-token"}'
  DEVICE=$(${api} "$API/devices?filter=name==radiator-1" | sed 's/.*"items":\\[{"id":"\\([^"]*\\)".*/\\1/')
  ${publish}
  sleep 1; ${api} $API/devices/$DEVICE/telemetry/latest

Ctrl-C stops everything that was started here.
`;
};

/** A certificate that is given is known by whoever has signed it. */
const knownBy = (settings: Settings): string =>
  process.env['MUSTER_MQTT_TLS_CERTIFICATE_FILE'] === undefined
    ? `mosquitto_pub --cafile ${shellQuote(relative(process.cwd(), `${tlsDirectory(settings)}/ca.pem`))}`
    : process.env['MUSTER_MQTT_TLS_CERTIFICATE_FILE'];

const withoutPassword = (url: string): string => {
  const shown = new URL(url);
  shown.password = '';
  return shown.href;
};

const shellQuote = (text: string): string =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
