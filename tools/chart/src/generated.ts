import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dashboards } from './dashboards.js';
import { infrastructure } from './infrastructure.js';
import { CHART, ROOT } from './places.js';
import { valuesSchema } from './values-schema.js';
import { valuesTable } from './values-table.js';

export interface Generated {
  readonly path: string;
  readonly text: string;
}

const [BEGIN, END] = ['<!-- values -->', '<!-- end of values -->'];

/** Every file, or part of one, that is made from others here. */
export const generatedFiles = async (): Promise<readonly Generated[]> => {
  const readme = join(CHART, 'README.md');
  const table = valuesTable(readFileSync(join(CHART, 'values.yaml'), 'utf8'));
  return [
    { path: join(CHART, 'values.schema.json'), text: `${JSON.stringify(await valuesSchema(), null, 2)}\n` },
    ...Object.entries(dashboards()).map(([name, text]) => ({
      path: join(CHART, 'files/dashboards', `${name}.json`),
      text,
    })),
    ...Object.entries(infrastructure()).map(([name, text]) => ({
      path: join(ROOT, 'deploy/kubernetes', name),
      text,
    })),
    { path: readme, text: between(readFileSync(readme, 'utf8'), table) },
  ];
};

const between = (text: string, part: string): string => {
  const [before, rest = ''] = text.split(BEGIN);
  const after = rest.split(END)[1];
  if (after === undefined) throw new Error(`a part between ${BEGIN} and ${END} is missing`);
  return `${before}${BEGIN}\n\n${part}\n\n${END}${after}`;
};
