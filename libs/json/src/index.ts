export { kindOf } from './kind-of.js';
export {
  decodeUtf8,
  isKept,
  JsonFault,
  numberFault,
  readJson,
  readJsonText,
  shorten,
  textFault,
  type Json,
  type JsonObject,
} from './read-json.js';
