/** What `GET /stream` sends, as a reader gets it. */
export const STREAM_EXAMPLE = `retry: 2000
id: 1.q2Zl0xWv.0.0.0.0

id: 1.q2Zl0xWv.1.0.0.0
event: job.changed
data: {"topic":"jobs","type":"job.changed","at":"2026-11-28T10:00:04.312Z","data":{"jobId":"01936c41-7a8b-7c9d-8e0f-1a2b3c4d5e6f","kind":"bulk-change","status":"success","total":412,"done":412,"failed":0,"createdAt":"2026-11-28T10:00:00.000Z","actor":{"kind":"api-key","id":"local-admin"},"version":3,"at":"2026-11-28T10:00:04.312Z"}}

: here

`;
