import { isSecretName } from '../orchestrator/logs/redact.ts';
import type { CliContext } from './context.ts';
import type { Project } from './project.ts';

/** Shorter values of the environment are switches rather than secrets. */
const SHORTEST_NAMED = 8;

/** Values that this project's logs and alerts must never show: passwords in URLs, webhooks, and what the environment calls so. */
export function projectSecrets(context: CliContext, project: Project): readonly string[] {
  const named = Object.entries(context.env).flatMap(([name, value]) =>
    value !== undefined && value.length >= SHORTEST_NAMED && isSecretName(name) && !IS_PLACE.test(name) ? [value] : [],
  );
  const urls = [project.warehouseUrl, project.storeUrl].flatMap(passwordsOf);
  const hooks = project.alerts.flatMap(({ webhook, secret }) => (secret === undefined ? [webhook] : [webhook, secret]));
  return [...new Set([...urls, ...named, ...hooks])].filter((value) => value.length > 3);
}

/** Variables that say where something is, not what it is. */
const IS_PLACE = /(?:FILE|PATH|DIR|URL|HOST|SOCK)$|^(?:OLD)?PWD$/i;

/** As they stand in the URL, and decoded. */
function passwordsOf(url: string): readonly string[] {
  const [, inside] = /^[a-z]+:\/\/[^:/?#@]*:(.*)@/i.exec(url) ?? [];
  const parameter = /[?&]password=([^&]*)/i.exec(url)?.[1];
  return [inside, parameter].flatMap((text) => (text === undefined || text === '' ? [] : [text, decoded(text)]));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
