import { describe, expect, it } from '@jest/globals';
import { IsIn, IsObject, IsOptional, IsString, ValidateIf, ValidateNested } from 'class-validator';
import { Type } from 'class-transformer';
import { AnyJson, Described, JSON_VALUE, NullRemoves, ValuesAre } from '../described.js';
import { schemasOf } from './json-schema.js';

class Wheel {
  @IsString()
  maker!: string;
}

class Car {
  @IsObject()
  free!: object;

  @ValuesAre(Wheel)
  @IsObject()
  wheels!: Record<string, Wheel>;

  @IsOptional()
  @AnyJson()
  note?: unknown;

  @Described(() => ({ description: 'As painted.' }))
  @IsString()
  colour!: string;

  @ValidateIf((car: Car) => car.owner !== null)
  @IsString()
  owner!: string | null;
}

class CarEdit {
  @IsOptional()
  @NullRemoves()
  @IsIn(['red', 'blue'])
  colour?: 'red' | 'blue' | null;

  @IsOptional()
  @NullRemoves()
  @ValidateNested()
  @Type(() => Wheel)
  spare?: Wheel | null;
}

describe('the JSON Schema of a class', () => {
  const schemas = schemasOf([Car, CarEdit], '#/');

  it('says which members an object with free keys has', () => {
    expect(schemas['Car']?.properties).toMatchObject({
      free: { type: 'object', additionalProperties: true },
      wheels: { type: 'object', additionalProperties: { $ref: '#/Wheel' } },
      note: { $ref: `#/${JSON_VALUE}` },
      colour: { type: 'string', description: 'As painted.' },
    });
    expect(schemas).toHaveProperty('Wheel');
    expect(schemas[JSON_VALUE]?.type).toContain('null');
  });

  it('tells a field that may be null from one that null removes', () => {
    expect(schemas['Car']).toMatchObject({
      properties: { owner: { type: ['string', 'null'] } },
      required: ['colour', 'free', 'owner', 'wheels'],
    });
    expect(schemas['CarEdit']).toEqual({
      type: 'object',
      properties: {
        colour: { type: ['string', 'null'], enum: ['red', 'blue', null] },
        spare: { anyOf: [{ $ref: '#/Wheel' }, { type: 'null' }] },
      },
    });
  });
});
