import { expect, test } from 'vitest';
import { plainLine } from '../../../src/orchestrator/logs/plain.ts';
import { createRedactor, isSecretName } from '../../../src/orchestrator/logs/redact.ts';

const redact = createRedactor();

// Texts in which only HIDDEN… and what belongs to it may go; every piece in `kept` stays.
const corpus: readonly (readonly [text: string, secret: string, kept?: string])[] = [
  ['connect postgresql://me:hunter-2@db.example.com/dwh failed', 'hunter-2', 'db.example.com/dwh failed'],
  ['postgres://me:p@ss:w/ord@db/x', 'ss:w/ord', 'db/x'],
  ['redis://:only-a-password@cache:6379', 'only-a-password', 'cache:6379'],
  ['host=db user=me password=hunter-2 dbname=dwh', 'hunter-2', 'dbname=dwh'],
  ["host=db password='two words' dbname=dwh", 'two words', 'dbname=dwh'],
  ['https://x.example/y?a=1&token=abc123def&b=2', 'abc123def', '&b=2'],
  ['?sslpassword=geheim99&sslmode=require', 'geheim99', 'sslmode=require'],
  ['PGPASSWORD=geheim99 psql', 'geheim99', 'psql'],
  ['{"user":"me","password":"a\\"b\\\\","port":5432}', 'a\\"b', '"port":5432'],
  ['"{\\"password\\":\\"a\\\\\\"bcd\\",\\"port\\":1}"', 'bcd', '\\"port\\":1'],
  [JSON.stringify(JSON.stringify(JSON.stringify({ token: 'x"y\\z"w', port: 5432 }))), 'w', 'port'],
  ["{ password: 'hunter-2', host: 'db' }", 'hunter-2', "host: 'db'"],
  ["create user me with password 'hunter-2' login", 'hunter-2', 'login'],
  ['mysql --password hunter-2 --host db', 'hunter-2', '--host db'],
  ['curl -H "Authorization: Basic bWU6aHVudGVyMg==" https://x', 'bWU6aHVudGVyMg==', 'https://x'],
  ['authorization: Bearer abc.def-ghi_jkl\nnext: line', 'abc.def-ghi_jkl', 'next: line'],
  ['Cookie: session=abcdef; theme=dark', 'abcdef'],
  ['got Bearer abcdef123456 back', 'abcdef123456', 'back'],
  ['x-api-key: 0123456789', '0123456789'],
  ['key AKIAIOSFODNN7EXAMPLE is not allowed', 'IOSFODNN7EXAMPLE', 'is not allowed'],
  ['ASIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY rest', 'wJalrXUtnFEMI', 'rest'],
  ['aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', 'wJalrXUtnFEMI'],
  ['{"SecretAccessKey":"wJalrXUtnFEMI","Expiration":"2018"}', 'wJalrXUtnFEMI', '"Expiration":"2018"'],
  ['https://b.s3.amazonaws.com/k?X-Amz-Date=2018&X-Amz-Signature=0abc9f&x=1', '0abc9f', 'X-Amz-Date=2018'],
  ['https://b/k?X-Amz-Security-Token=FwoGZXIvYXdz%2F%2F&x=1', 'FwoGZXIvYXdz', '&x=1'],
  ['Credential=AKIAIOSFODNN7EXAMPLE/20181101/us-east-1', 'IOSFODNN7EXAMPLE'],
  ['git clone https://ghp_abcdefghijklmnop1234@github.com/x', 'abcdefghijklmnop1234', 'github.com/x'],
  ['POST https://hooks.slack.com/services/T0/B0/XyZ123', 'XyZ123', 'hooks.slack.com'],
  ['slack xoxb-1234567890-abcdefgh', '1234567890-abcdefgh'],
  ['jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl end', 'eyJzdWIiOiIxMjM0In0', 'end'],
  ['-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY----- end', 'MIIEabc', 'end'],
  ['-----BEGIN PRIVATE KEY-----\nMIIEabc cut off', 'MIIEabc'],
  ['passphrase=>"open sesame"', 'sesame'],
  ['{"token":"cut off before its en', 'cut off'],
];

test.each(corpus)('hides the secret of %s', (...texts) => {
  const [text, secret, kept = ''] = texts as [string, string, string?];
  const clean = redact(text);
  expect(clean).not.toContain(secret);
  expect(clean).toContain('***');
  expect(clean).toContain(kept);
});

test.each([
  'http://localhost:9000/users/me@example.com',
  's3://bucket/key:a@b',
  '12 tokens read, max_tokens: 4096',
  'password authentication failed for user "me"',
  'password: null, token: undefined',
  'Unexpected token o in JSON at position 1',
  'load-users: 104 rows',
  'https://example.org/secret-garden/',
])('leaves %s alone', (text) => {
  expect(redact(text)).toBe(text);
});

test('known values are hidden however they are escaped', () => {
  const secret = 'pä"ss\\w/o\nrd 1';
  const hide = createRedactor([secret, 'abc']);
  const forms = [
    secret,
    JSON.stringify({ a: secret }),
    JSON.stringify(JSON.stringify([secret])),
    JSON.stringify(secret).replace('/', '\\/').replace('ä', '\\u00e4'),
    encodeURIComponent(secret),
    encodeURIComponent(secret).toLowerCase(),
    new URLSearchParams({ a: secret }).toString(),
  ];
  for (const form of forms) {
    const clean = hide(`before ${form} after`);
    expect(clean).toMatch(/^before .*\*\*\*.* after$/s);
    expect(clean).not.toMatch(/ss|rd/);
  }
  // Too short to be one.
  expect(hide('abc')).toBe('abc');
});

test('of a known value over several lines each line is hidden', () => {
  const hide = createRedactor(['first-line-of-the-key\nsecond-line-of-the-key']);
  expect(hide('second-line-of-the-key')).toBe('***');
});

test('a long text without secrets is looked through in no time', () => {
  const start = performance.now();
  for (const piece of ['password', 'a', '\\', '://', 'token ', 'eyJaaaaaaaa', ' ', '"']) redact(piece.repeat(60_000));
  // Quadratic it would take minutes.
  expect(performance.now() - start).toBeLessThan(5000);
});

test('names of secrets', () => {
  for (const name of ['password', 'PGPASSWORD', 'awsSecretAccessKey', 'api_key', 'Authorization', 'sessionToken'])
    expect(isSecretName(name)).toBe(true);
  for (const name of ['key', 'user', 'tokens', 'author', 'sort']) expect(isSecretName(name)).toBe(false);
});

test('data is copied without secrets, whatever it is', () => {
  const circle: Record<string, unknown> = { name: 'circle' };
  circle.self = circle;
  const error = Object.assign(
    new Error('connect postgres://me:geheim99@db failed', { cause: new Error('token=abc1') }),
    {
      code: 'ECONN',
    },
  );
  const { msg, data } = plainLine(
    'password=geheim99',
    {
      circle,
      error,
      big: 12n,
      nan: Number.NaN,
      when: new Date(0),
      bytes: new Uint8Array(3),
      map: new Map([['a', 1]]),
      set: new Set([1]),
      run: () => 1,
      password: 'geheim99',
      keys: { apiKey: { id: 'x' }, token: '' },
      nothing: null,
      undef: undefined,
      get thrower() {
        throw new Error('no');
      },
      bad: {
        toJSON() {
          throw new Error('no');
        },
      },
      ['__proto__']: 'x',
    },
    redact,
  );
  expect(msg).toBe('password=***');
  const text = JSON.stringify(data);
  expect(text).not.toMatch(/geheim99|abc1/);
  expect(JSON.parse(text)).toMatchObject({
    circle: { name: 'circle', self: '[circular]' },
    error: { name: 'Error', code: 'ECONN', cause: { message: 'token=***' } },
    big: '12',
    nan: 'NaN',
    when: '1970-01-01T00:00:00.000Z',
    bytes: '[3 bytes]',
    map: { a: 1 },
    set: [1],
    run: '[function]',
    password: '***',
    keys: { apiKey: '***', token: '' },
    nothing: null,
    thrower: '[unreadable]',
    bad: '[unreadable]',
  });
  expect(data).not.toHaveProperty('undef');
});

test('a text without end is cut, after its secrets were hidden', () => {
  const { msg, data } = plainLine(`${'x'.repeat(63_990)}password=geheim99`, { more: 'y'.repeat(100) }, redact);
  expect(msg).not.toContain('geh');
  expect(msg.length + JSON.stringify(data).length).toBeLessThan(64_200);
  expect(JSON.stringify(data)).toContain('characters cut');
  const wide = plainLine('wide', { list: Array.from({ length: 1000 }, (_, i) => i) }, redact);
  expect((wide.data as { list: unknown[] }).list.at(-1)).toBe('… 900 more');
});
