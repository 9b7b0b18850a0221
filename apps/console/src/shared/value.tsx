import { createContext, useContext, useState, type ReactNode } from 'react';
import { json } from './format.js';
import { covered, DOTS, isSecretName, type IsSecret } from './secret.js';

/**
 * Which keys are secret where this stands; undefined: it is not known yet. Without anybody who knows more, their names say so.
 */
export const SecretContext = createContext<IsSecret | undefined>(isSecretName);

/** A value of `name` with what is secret in it covered; undefined: nothing of it is. Before it is known, everything is. */
export const useCover = (): ((name: string, value: unknown) => string | undefined) => {
  const isSecret = useContext(SecretContext);
  return (name, value) => {
    if (isSecret !== undefined) return covered(name, value, isSecret);
    return value === undefined || value === null ? undefined : '…';
  };
};

/** A value as JSON. What is secret in it is not read over a shoulder: it is covered until somebody asks for it. */
export const Value = ({ name, of }: { readonly name: string; readonly of: unknown }) => {
  const cover = useCover()(name, of);
  if (cover === undefined) return json(of);
  return <Covered dots={cover}>{json(of)}</Covered>;
};

export const Covered = ({
  dots = DOTS,
  children,
}: {
  readonly dots?: string;
  readonly children: ReactNode;
}) => {
  const [shown, setShown] = useState(false);
  return (
    <>
      {shown ? children : dots}{' '}
      <button
        type="button"
        className="cell-button"
        aria-label={shown ? 'hide what is secret' : 'show what is secret'}
        onClick={() => setShown(!shown)}
      >
        {shown ? 'hide' : 'show'}
      </button>
    </>
  );
};
