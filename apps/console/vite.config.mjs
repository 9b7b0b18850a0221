import react from '@vitejs/plugin-react';
import { readFileSync } from 'node:fs';
import { defineConfig } from 'vite';

/** `npx vite` in this folder serves the sources over a platform that runs; MUSTER_URL names another one than `npm start`'s. */
const platform = process.env.MUSTER_URL ?? 'http://127.0.0.1:3000';

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  build: { outDir: 'dist/web', emptyOutDir: true, target: 'es2023', reportCompressedSize: false },
  server: { proxy: { '/api': { target: platform, headers: keyOfDeveloper() } } },
});

/** Where there is no session yet: the key of the local admin goes along, from the file and never through the browser. */
function keyOfDeveloper() {
  const file = process.env.MUSTER_ADMIN_API_KEY_FILE;
  return file === undefined ? {} : { 'x-api-key': readFileSync(file, 'utf8').trim() };
}
