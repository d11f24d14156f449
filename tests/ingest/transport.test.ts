import fc from 'fast-check';
import { expect, it } from 'vitest';
import { NO_DRIFT, NO_POSITIONS, partInput, type ScannedObject, stagedObject } from '../../src/ingest/scan/part.ts';
import { Findings, packPart, packPaths, unpackPart, unpackPaths, unpackScan } from '../../src/ingest/scan/transport.ts';
import type { QuarantinedRecord } from '../../src/ingest/staged.ts';

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

it('paths cross as they are', () => {
  const path = fc.string({ unit: 'binary' }).map((name) => `/${name.replaceAll('\0', '')}`);
  fc.assert(
    fc.property(fc.array(path, { minLength: 1 }), (paths) => {
      expect(unpackPaths(structuredClone(packPaths(paths)))).toEqual(paths);
    }),
  );
});

const found = fc.record({
  hashed: fc.string({ unit: fc.constantFrom('0', '7', 'a', 'f'), minLength: 64, maxLength: 64 }),
  sizeBytes: whole,
  mtimeMs: optional,
  read: whole,
  staged: fc.nat(),
  quarantined: fc.nat({ max: 2 }),
  span: fc.option(fc.tuple(whole, whole), { nil: undefined }),
  positions: fc.array(fc.record({ row: whole, ordinal: whole, line: whole }), { maxLength: 2 }),
  drift: fc.option(fc.record({ unknown: fc.constant({ x: 1 }), missing: fc.constant({ y: 2 }) }), { nil: undefined }),
});

it('what was found crosses back as it is', () => {
  fc.assert(
    fc.property(fetched, fc.infiniteStream(found), (inputs, stream) => {
      const findings = new Findings(inputs.length);
      let firstRow = 0;
      const expected: ScannedObject[] = [];
      const rejected: QuarantinedRecord[] = [];
      for (const [object, input] of inputs.entries()) {
        const { span, mtimeMs, quarantined, positions, drift = NO_DRIFT, ...rest } = stream.next().value;
        const counts = { ...rest, mtimeMs, minEventMs: span?.[0], maxEventMs: span?.[1], drift };
        const records = Array.from({ length: quarantined }, (_, ordinal) => ({
          ordinal,
          line: 2,
          reason: 'malformed_json' as const,
          detail: 'd',
          raw: Uint8Array.of(1, 2),
        }));
        findings.add(partInput(input), {
          ...counts,
          positions,
          quarantined: records,
        });
        const { hashed, ...staged } = counts;
        const version = input.version ?? hashed;
        const own = positions.length === 0 ? NO_POSITIONS : positions;
        expected.push(
          stagedObject({ uri: input.object.uri, ...staged, version, firstRow, quarantined, positions: own }),
        );
        for (const record of records) rejected.push({ object, ...record });
        firstRow += rest.staged;
      }
      const file = { path: '/spool', groups: [] };
      const crossed = structuredClone(findings.packed(file));
      expect(unpackScan({ inputs, spoolPath: '/spool' }, crossed)).toEqual({
        objects: expected,
        quarantined: rejected,
        file,
      });
    }),
  );
});
