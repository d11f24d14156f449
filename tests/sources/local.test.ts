import { execFileSync } from 'node:child_process';
import {
  type Dirent,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSink, openSource } from '../../src/sources/index.ts';
import { lookAtFiles } from '../../src/sources/local/look.ts';
import { walk } from '../../src/sources/local/walk.ts';
import { selectKeys } from '../../src/sources/selection.ts';
import { encodePath, fileUri } from '../../src/sources/uri.ts';

const ALL = { endings: ['.json'] };
let base: string;
let root: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sparkify-local-'));
  root = join(base, 'root');
  mkdirSync(join(root, 'a/b'), { recursive: true });
  writeFileSync(join(root, 'a/b/x.json'), 'x');
  mkdirSync(join(base, 'outside'));
  writeFileSync(join(base, 'outside/secret.json'), 'secret');
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const list = async () => {
  const { objects, skipped } = await (await openSource(root, { cwd: '/' })).list(ALL);
  return { keys: objects.map((o) => o.key), skipped };
};

describe('links', () => {
  test('in a circle are not followed, and are named', async () => {
    symlinkSync(root, join(root, 'a/b/up'));
    symlinkSync('self', join(root, 'self'));
    symlinkSync('.', join(root, 'a/dot'));
    const { keys, skipped } = await list();
    expect(keys).toEqual(['a/b/x.json']);
    expect(skipped.map((s) => s.key)).toEqual(['a/b/up', 'a/dot', 'self']);
  });

  test('that lead to each other end', async () => {
    mkdirSync(join(root, 'c'));
    writeFileSync(join(root, 'c/y.json'), 'y');
    symlinkSync('../c', join(root, 'a/to-c'));
    symlinkSync('../a', join(root, 'c/to-a'));
    const { keys } = await list();
    expect(keys).toContain('a/b/x.json');
    expect(keys).toContain('c/y.json');
    expect(keys.length).toBeLessThan(10);
  });

  test('out of the root are skipped with a reason, whether to a folder, to a file or to nothing', async () => {
    symlinkSync('../outside', join(root, 'folder'));
    symlinkSync('../outside/secret.json', join(root, 'file.json'));
    symlinkSync('../../root/../outside/secret.json', join(root, 'a/winding.json'));
    symlinkSync('nowhere', join(root, 'nothing.json'));
    const { keys, skipped } = await list();
    expect(keys).toEqual(['a/b/x.json']);
    expect(skipped.map((s) => s.key)).toEqual(['a/winding.json', 'file.json', 'folder', 'nothing.json']);
    expect(skipped[1]!.reason).toContain('out of the source');
  });

  test('to a file inside the root are read under their own name', async () => {
    symlinkSync('a/b/x.json', join(root, 'link.json'));
    expect((await list()).keys).toEqual(['a/b/x.json', 'link.json']);
  });

  test('a sibling whose name begins like the root is outside', async () => {
    mkdirSync(join(base, 'root-two'));
    writeFileSync(join(base, 'root-two/z.json'), 'z');
    symlinkSync('../root-two', join(root, 'two'));
    expect((await list()).keys).toEqual(['a/b/x.json']);
  });

  test('a root that is itself a link is read', async () => {
    symlinkSync('root', join(base, 'alias'));
    const s = await openSource('alias', { cwd: base });
    expect((await s.list(ALL)).objects.map((o) => o.uri)).toEqual([fileUri(join(base, 'alias/a/b/x.json'))]);
  });
});

describe('what cannot be read', () => {
  test('a folder that may not be read fails the whole listing and is named', async () => {
    const readFolder = (path: string): readonly Dirent[] => {
      if (path.endsWith('/a/b')) throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
      return readdirSync(path, { withFileTypes: true });
    };
    await expect(walk(root, { selection: selectKeys(ALL), readFolder })).rejects.toMatchObject({
      code: 'SOURCE_ACCESS_DENIED',
      message: expect.stringContaining(join(root, 'a/b')),
      remedy: expect.stringContaining('chmod'),
    });
  });

  test('of very many files most are looked at aside, with the same result; one that is gone meanwhile is left out', async () => {
    for (const folder of ['m', 'n', 'n/ö']) {
      mkdirSync(join(root, folder));
      for (let i = 0; i < 7_000; i++) writeFileSync(join(root, folder, `${i}.json`), 'x'.repeat(i % 3));
    }
    const selection = selectKeys(ALL);
    const here = await walk(root, { selection });
    const asked: string[] = [];
    const aside = await walk(root, {
      selection,
      lookAside: async (paths) => {
        if (asked.length === 0) rmSync(paths[1]!);
        asked.push(...paths);
        return lookAtFiles(paths);
      },
    });
    expect(asked.length).toBeGreaterThan(4_000);
    const gone = fileUri(asked[1]!);
    expect(aside).toEqual({ ...here, objects: here.objects.filter((o) => o.uri !== gone) });
    expect(aside.objects).toHaveLength(here.objects.length - 1);
    const refused = new Error('refused');
    await expect(walk(root, { selection, lookAside: () => Promise.reject(refused) })).rejects.toBe(refused);
  });

  test('a pipe is skipped with a reason and never opened', async () => {
    execFileSync('mkfifo', [join(root, 'pipe.json')]);
    expect((await list()).skipped).toEqual([{ key: 'pipe.json', reason: 'it is no regular file' }]);
  });

  test('a name that is not UTF-8 is reported', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${root}/bad`), Buffer.from([0xff]), Buffer.from('.json')]), '1');
    const { keys, skipped } = await list();
    expect(keys).toEqual(['a/b/x.json']);
    expect(skipped[0]!.reason).toContain('UTF-8');
  });

  test('a root that is a file is an error that names its folder', async () => {
    await expect(openSource(join(root, 'a/b/x.json'), { cwd: '/' })).rejects.toMatchObject({
      code: 'SOURCE_NOT_FOUND',
      remedy: expect.stringContaining(join(root, 'a/b')),
    });
  });

  test('a version is never read from outside the root', async () => {
    const s = await openSource(root, { cwd: '/' });
    const version = 'sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b'; // of "secret"
    for (const uri of [
      fileUri(join(base, 'outside/secret.json')),
      `${s.root}../outside/secret.json`,
      `${s.root}%2e%2e/outside/secret.json`,
    ])
      expect(await s.readVersion(uri, version)).toBeUndefined();
  });
});

describe('names of sources', () => {
  test.each([
    ['', 'empty'],
    ['s3:bucket', 'two slashes'],
    ['s3://', 'bucket'],
    ['s3:///key', 'bucket'],
    ['s3://b_/x', 'bucket'],
    ['gs://bucket/x', 'gs://'],
    ['https://bucket.s3.amazonaws.com/x', 'https://'],
    ['file://other-host/x', 'file URL'],
    ['a\0b', 'NUL'],
  ])('%j is refused and says why', async (url, why) => {
    await expect(openSource(url, { cwd: '/' })).rejects.toMatchObject({
      code: 'SOURCE_URL_INVALID',
      message: expect.stringContaining(why),
    });
  });

  test.each(['s3://AKIA:top-secret@bucket/x', 's3://AKIA:top/secret@bucket/x', 'https://me:top-secret@host/x'])(
    'a secret in a URL is never repeated: %s',
    async (url) => {
      const error = (await openSource(url, { cwd: '/' }).catch((e: unknown) => e)) as Error;
      expect(`${error.message} ${JSON.stringify(error)}`).not.toMatch(/top|secret/);
    },
  );

  test('a path with a colon is a path', async () => {
    mkdirSync(join(base, 'log:2018'));
    expect((await openSource('log:2018', { cwd: base })).root).toBe(`${fileUri(join(base, 'log:2018'))}/`);
  });

  test('any path is one URI and comes back from it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (name) => {
        fc.pre(!name.includes('\0') && !name.includes('/') && name !== '.' && name !== '..');
        expect(fileURLToPath(fileUri(`/x/${name}`))).toBe(`/x/${name}`);
        expect(encodePath(name)).toMatch(/^[A-Za-z0-9._~%-]+$/);
      }),
    );
  });
});

describe('writing to a folder', () => {
  test('makes folders as needed and leaves whole files only', async () => {
    const sink = await openSink('new/deep', { cwd: base });
    for (let i = 0; i < 100; i++) await sink.write(`d${i % 7}/f ${i}.json`, Buffer.from(`${i}`));
    await sink.close();
    const names = readdirSync(join(base, 'new/deep'), { recursive: true, encoding: 'utf8' }).filter((n) =>
      n.includes('f '),
    );
    expect(names).toHaveLength(100);
    for (const n of names) expect(`f ${readFileSync(join(base, 'new/deep', n), 'utf8')}.json`).toBe(n.split('/')[1]);
  });

  test.each(['../x.json', 'a/../../x.json', '/etc/x.json', 'a//x.json', './x.json', '', 'nul\0.json'])(
    'refuses the key %j',
    async (key) => {
      const sink = await openSink(root, { cwd: '/' });
      const writing = sink.write(key, Buffer.from('1')).then(() => sink.close());
      await expect(writing).rejects.toMatchObject({ code: 'SOURCE_URL_INVALID' });
    },
  );

  test('does not follow a link out of the folder', async () => {
    symlinkSync('../outside', join(root, 'out'));
    const sink = await openSink(root, { cwd: '/' });
    const writing = sink.write('out/new/x.json', Buffer.from('1')).then(() => sink.close());
    await expect(writing).rejects.toMatchObject({ code: 'SOURCE_URL_INVALID' });
    expect(readdirSync(join(base, 'outside'))).toEqual(['secret.json']);
  });
});
