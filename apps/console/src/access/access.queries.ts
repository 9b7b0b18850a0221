import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { answered, api, type Schema } from '../api/client.js';

export type Authority = Schema<'CertificateAuthorityView'>;
export type ClaimKey = Schema<'ClaimKeyView'>;

const PAGE = 100;
const page = (cursor: string | undefined) => ({
  query: { limit: PAGE, count: true, ...(cursor === undefined ? {} : { cursor }) },
});

export const authoritiesQuery = (cursor?: string) =>
  queryOptions({
    queryKey: ['certificate-authorities', cursor],
    queryFn: ({ signal }) =>
      answered(api.GET('/api/v1/certificate-authorities', { params: page(cursor), signal })),
    placeholderData: keepPreviousData,
  });

export const claimKeysQuery = (cursor?: string) =>
  queryOptions({
    queryKey: ['claim-keys', cursor],
    queryFn: ({ signal }) => answered(api.GET('/api/v1/claim-keys', { params: page(cursor), signal })),
    placeholderData: keepPreviousData,
  });
