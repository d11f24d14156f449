// `npm run kernel`: compiles `kernel/` to WebAssembly, as the text of `src/ingest/kernel/code.ts`; `--print` only prints it.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const sources = new URL('../kernel/', import.meta.url);
const target = fileURLToPath(new URL('../src/ingest/kernel/code.ts', import.meta.url));

const OPTIONS = [
  ...['-O3', '--noAssert', '--runtime', 'minimal', '--use', 'abort='],
  ...['--enable', 'simd', '--enable', 'bulk-memory', '--enable', 'threads'],
  // Shared, so that views of it are good after it has grown.
  ...['--sharedMemory', '--maximumMemory', '32768'],
];

/** The text of the module that holds the compiled kernel. */
async function compileKernel() {
  let code;
  const { error, stderr } = await asc.main(['index.ts', '--outFile', 'kernel.wasm', ...OPTIONS], {
    readFile: (name) => {
      try {
        return readFileSync(new URL(name, sources), 'utf8');
      } catch {
        return null;
      }
    },
    writeFile: (name, contents) => {
      if (name === 'kernel.wasm') code = contents;
    },
    listFiles: () => [],
  });
  if (error) throw new Error(`${error.message}\n${stderr}`);
  const base64 = Buffer.from(code).toString('base64');
  return `// Compiled from kernel/ by \`npm run kernel\`.\nexport const CODE =\n  '${base64}';\n`;
}

const text = await compileKernel();
if (process.argv[2] === '--print') process.stdout.write(text);
else {
  writeFileSync(target, text);
  console.log(`${target}: ${text.length} characters`);
}
