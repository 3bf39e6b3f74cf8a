// Compiles to dist/ and makes the command executable. Its own script because npm's pre and post hooks are switched off.
// Everything is built beside and takes its place at the end: what runs from dist meanwhile keeps its files.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const STAGE = 'dist.next'

rmSync(STAGE, { recursive: true, force: true })
const { status } = spawnSync(
  process.execPath,
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', STAGE],
  { stdio: 'inherit' },
)
if (status !== 0) process.exit(status ?? 1)
if (existsSync(join(STAGE, 'src/cli/main.js'))) await bundle()
const before = 'dist.before'
rmSync(before, { recursive: true, force: true })
if (existsSync('dist')) renameSync('dist', before)
renameSync(STAGE, 'dist')
rmSync(before, { recursive: true, force: true })

/**
 * The command once more, as a few files instead of seven hundred: finding and compiling each file for itself took a
 * quarter of a short command's time. All lie in one folder, so that a module which runs in a process or thread of its
 * own stands beside whatever starts it, as it does in the sources. Packages stay packages, but for those of many small
 * modules that every verb reads first, and for cephes, whose file for browsers decodes its WebAssembly in JavaScript of its
 * own: the one for Node starts in half of the time. Their licences come along.
 */
async function bundle() {
  const { rolldown } = await import('rolldown')
  const whet = join(STAGE, 'whet')
  const entry = (path) => resolve(STAGE, 'src', `${path}.js`)
  const included = ['@bufbuild/protobuf', 'cephes', 'onnx-buf', 'pure-rand', 'yaml']
  const isOwn = (id) => id.startsWith('.') || id.startsWith('/') || /^[A-Za-z]:[\\/]/.test(id)
  const build = await rolldown({
    platform: 'node',
    resolve: { alias: { cephes: resolve('node_modules/cephes/index.js') } },
    external: (id) => !isOwn(id) && !included.some((name) => id === name || id.startsWith(`${name}/`)),
    input: {
      main: entry('cli/main'),
      'ort-node-child': entry('engine/ort-node-child'),
      'ort-node-lanes-child': entry('engine/ort-node-lanes-child'),
      'ort-node-lane': entry('engine/ort-node-lane'),
      'drill-thread': entry('serve/rollout/drill-thread'),
      'weight-thread': entry('recipe/weight-thread'),
      'pglite-thread': entry('state/pglite-thread'),
    },
  })
  // Space and comments are a third of what every start reads; names stay, for whoever reads a stack.
  const minify = { compress: false, mangle: false, codegen: { removeWhitespace: true } }
  await build.write({ dir: whet, format: 'esm', entryFileNames: '[name].js', chunkFileNames: 'part-[name].js', minify })
  await build.close()
  writeFileSync(join(whet, 'NOTICE.txt'), included.map(noticeOf).join('\n'))
  chmodSync(join(whet, 'main.js'), 0o755)
}

/** Whose code is in the bundle, and under which licence. */
function noticeOf(name) {
  const folder = join('node_modules', name)
  const { version, license, repository } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one))
  const text = file ? `\n${readFileSync(join(folder, file), 'utf8')}` : ''
  return `${name} ${version}, ${license}, ${repository?.url ?? repository ?? 'npm'}\n${text}`
}
