// libsql in the bundle: its JavaScript is part of it, its native part stays a package. docs/adr/0011.
import { readFileSync } from 'node:fs';

const changes = [
  // Only libsql is sure to find its native part.
  [/require\((`@libsql\/\$\{target\}`)\)/u, "require('node:module').createRequire(require.resolve('libsql'))($1)"],
  // Its loader looks for glibc in Node's diagnostic report, which takes longer to make than all else that opens a store. How
  // libsql itself looks for it a second time, in the files of the system first, is enough; where that says no, both do.
  [
    /(?<== )currentTarget\(\)/u,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is put into the source as it is
    "/^linux-(?:x64|arm64)$/.test(process.platform + '-' + process.arch) && familySync() === GLIBC ? `linux-${process.arch}-gnu` : currentTarget()",
  ],
];

/** @throws when a new version of libsql is written another way */
export const libsqlInBundle = {
  name: 'libsql-in-bundle',
  load: {
    filter: { id: /[\\/]libsql[\\/]index\.js$/u },
    handler: (id) =>
      changes.reduce(
        (code, [from, to]) => {
          const changed = code.replace(from, to);
          if (changed === code) throw new Error(`libsql has no ${from} any more`);
          return changed;
        },
        readFileSync(id, 'utf8'),
      ),
  },
};
