import fc from 'fast-check';
import { expect, it } from 'vitest';
import { NO_DRIFT, NO_POSITIONS, partInput, type ScannedObject, stagedObject } from '../../src/ingest/scan/part.ts';
import { packPart, packScan, unpackPart, unpackScan } from '../../src/ingest/scan/transport.ts';

const uri = fc.oneof(
  fc.constantFrom('file:///a/b.json', 'file:///a/%20b.json', 's3://bucket/key'),
  fc.webUrl().map((u) => u.replace('http', 'file')),
);
const whole = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const optional = fc.option(whole, { nil: undefined });

const fetched = fc.array(
  fc
    .record({
      uri,
      path: fc.option(fc.constantFrom('/tmp/pack', '/a/ b.json'), { nil: undefined }),
      offset: whole,
      lengthBytes: whole,
      version: fc.option(fc.constantFrom('v1', '"etag"', ''), { nil: undefined }),
      mtimeMs: optional,
    })
    .map(({ uri, path, offset, lengthBytes, version, mtimeMs }) => ({
      object: { uri, key: 'k', sizeBytes: lengthBytes, ...(mtimeMs === undefined ? {} : { mtimeMs }) },
      path: path ?? uri.slice('file://'.length),
      offset,
      lengthBytes,
      ...(version === undefined ? {} : { version }),
    })),
  { maxLength: 8 },
);

it('parts cross threads as they are', () => {
  fc.assert(
    fc.property(fetched, (inputs) => {
      const crossed = structuredClone(packPart({ inputs, spoolPath: '/spool' }));
      expect(unpackPart(crossed)).toStrictEqual(inputs.map(partInput));
    }),
  );
});

const found = fc.record({
  version: fc.string(),
  sizeBytes: whole,
  mtimeMs: optional,
  read: whole,
  staged: whole,
  quarantined: whole,
  firstRow: whole,
  span: fc.option(fc.tuple(whole, whole), { nil: undefined }),
  positions: fc.array(fc.record({ row: whole, ordinal: whole, line: whole }), { maxLength: 2 }),
  drift: fc.option(fc.record({ unknown: fc.constant({ x: 1 }), missing: fc.constant({ y: 2 }) }), { nil: undefined }),
});

it('what was found crosses back as it is', () => {
  fc.assert(
    fc.property(fetched, fc.infiniteStream(found), (inputs, stream) => {
      const objects = inputs.map((input): ScannedObject => {
        const { span, drift, positions, ...rest } = stream.next().value as typeof found extends fc.Arbitrary<infer T>
          ? T
          : never;
        return stagedObject({
          uri: input.object.uri,
          ...rest,
          minEventMs: span?.[0],
          maxEventMs: span?.[1],
          positions: positions.length === 0 ? NO_POSITIONS : positions,
          drift: drift ?? NO_DRIFT,
        });
      });
      const quarantined = objects.map((_, object) => ({
        object,
        ordinal: 1,
        line: 2,
        reason: 'malformed_json' as const,
        detail: 'd',
        raw: Uint8Array.of(1, 2),
      }));
      const file = { path: '/spool', groups: [] };
      const crossed = structuredClone(packScan({ objects, quarantined, file }));
      expect(unpackScan({ inputs, spoolPath: '/spool' }, crossed)).toEqual({ objects, quarantined, file });
    }),
  );
});
