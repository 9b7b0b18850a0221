import type { Schema } from '../api/client.js';
import { AnchorLink } from './anchor-link.js';

/** Who did it; a campaign is a link. */
export const ActorName = ({ actor }: { readonly actor: Schema<'Actor'> | undefined }) => {
  if (actor === undefined) return <span className="dim">–</span>;
  switch (actor.kind) {
    case 'campaign':
      return (
        <AnchorLink to="/campaigns/$id" params={{ id: actor.id }}>
          a campaign
        </AnchorLink>
      );
    case 'default':
      return <>a default</>;
    case 'device':
      return <>the device</>;
    case 'system':
      return <>Muster</>;
    case 'user':
    case 'api-key':
    case 'service-account':
      return <span title={actor.kind}>{actor.id}</span>;
  }
};
