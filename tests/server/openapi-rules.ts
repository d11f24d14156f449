// biome-ignore lint/suspicious/noExplicitAny: a document of somebody else's shape
type Json = any;

const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']);
const TYPES = new Set(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null']);
/** Of JSON Schema 2020-12, which OpenAPI 3.1 takes as it is; `nullable` and such belong to older versions. */
const KEYWORDS = new Set(
  (
    '$ref type enum const properties required additionalProperties propertyNames items prefixItems minItems maxItems uniqueItems ' +
    'anyOf oneOf allOf not minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern format ' +
    'description default examples discriminator deprecated readOnly writeOnly title'
  ).split(' '),
);

/** What the specification 3.1 does not allow in a document, as sentences; of its rules those that a generator can break. */
export function problemsOfDocument(document: Json): readonly string[] {
  const problems: string[] = [];
  const say = (where: string, what: string): void => void problems.push(`${where}: ${what}`);
  if (!/^3\.1\.\d+$/.test(document.openapi)) say('openapi', `is ${document.openapi}`);
  if (typeof document.info?.title !== 'string' || typeof document.info?.version !== 'string')
    say('info', 'lacks title or version');

  const schema = (where: string, s: Json): void => {
    if (typeof s === 'boolean') return;
    if (typeof s !== 'object' || s === null) {
      say(where, 'is no schema');
      return;
    }
    for (const key of Object.keys(s)) if (!KEYWORDS.has(key)) say(where, `has the unknown keyword ${key}`);
    if (s.$ref !== undefined && resolve(document, s.$ref) === undefined) say(where, `${s.$ref} leads nowhere`);
    for (const type of [s.type ?? []].flat()) if (!TYPES.has(type)) say(where, `${type} is no type`);
    for (const name of s.required ?? [])
      if (s.properties !== undefined && !(name in s.properties)) say(where, `requires ${name}, which it does not have`);
    if (typeof s.pattern === 'string') {
      try {
        new RegExp(s.pattern, 'u');
      } catch {
        say(where, `${s.pattern} is no pattern`);
      }
    }
    for (const [name, inner] of Object.entries(s.properties ?? {})) schema(`${where}.${name}`, inner);
    for (const key of ['items', 'additionalProperties', 'not', 'propertyNames'] as const)
      if (typeof s[key] === 'object') schema(`${where}.${key}`, s[key]);
    for (const key of ['anyOf', 'oneOf', 'allOf', 'prefixItems'] as const)
      for (const [i, inner] of (s[key] ?? []).entries()) schema(`${where}.${key}.${i}`, inner);
  };
  const content = (where: string, c: Json): void => {
    for (const [type, media] of Object.entries((c ?? {}) as Json)) schema(`${where} ${type}`, (media as Json).schema);
  };

  const ids = new Map<string, string>();
  for (const [path, item] of Object.entries((document.paths ?? {}) as Json)) {
    if (!path.startsWith('/')) say(path, 'does not begin with /');
    for (const [method, operation] of Object.entries(item as Json) as [string, Json][]) {
      const where = `${method} ${path}`;
      if (!METHODS.has(method)) say(where, 'is no method');
      if (typeof operation.operationId !== 'string') say(where, 'has no operationId');
      else if (ids.has(operation.operationId)) say(where, `has the operationId of ${ids.get(operation.operationId)}`);
      else ids.set(operation.operationId, where);
      const parameters = operation.parameters ?? [];
      const inPath = parameters.filter((p: Json) => p.in === 'path').map((p: Json) => p.name);
      const named = [...path.matchAll(/\{(\w+)\}/g)].map((m) => m[1]);
      if (inPath.sort().join() !== named.sort().join()) say(where, `has the path parameters ${inPath} for ${named}`);
      for (const p of parameters) {
        if (!['path', 'query', 'header', 'cookie'].includes(p.in)) say(where, `${p.name} is in ${p.in}`);
        if (p.in === 'path' && p.required !== true) say(where, `${p.name} is in the path and not required`);
        schema(`${where} ${p.name}`, p.schema);
      }
      const places = parameters.map((p: Json) => `${p.in} ${p.name}`);
      if (new Set(places).size !== places.length) say(where, 'has a parameter twice');
      if (operation.requestBody !== undefined) content(`${where} body`, operation.requestBody.content);
      const responses = Object.entries((operation.responses ?? {}) as Json) as [string, Json][];
      if (responses.length === 0) say(where, 'has no responses');
      for (const [status, response] of responses) {
        if (!/^(?:[1-5]\d\d|[1-5]XX|default)$/.test(status)) say(where, `${status} is no status`);
        if (typeof response.description !== 'string') say(`${where} ${status}`, 'has no description');
        content(`${where} ${status}`, response.content);
      }
      for (const requirement of operation.security ?? [])
        for (const name of Object.keys(requirement))
          if (document.components?.securitySchemes?.[name] === undefined) say(where, `${name} is no security scheme`);
    }
  }
  for (const [name, s] of Object.entries((document.components?.schemas ?? {}) as Json)) schema(`#${name}`, s);
  return problems;
}

function resolve(document: Json, reference: string): Json {
  if (!reference.startsWith('#/')) return undefined;
  return reference
    .slice(2)
    .split('/')
    .reduce<Json>((at, key) => at?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], document);
}
