import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Principal } from './login.ts';

/** What `@hono/node-server` knows of a request besides; not there when a test calls the app itself. */
interface NodeBindings {
  readonly incoming?: { readonly socket: { readonly remoteAddress?: string } };
  readonly outgoing?: { destroy(): void };
}

export interface AppEnvironment {
  Bindings: NodeBindings;
  Variables: { principal: Principal | undefined; requestId: string; address: string };
}

export type App = OpenAPIHono<AppEnvironment>;
export type AppContext = Context<AppEnvironment>;
