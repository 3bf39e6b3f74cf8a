// Compiles to dist/ and makes the command executable. Its own script because npm's pre and post hooks are switched off.
// Everything is built beside and takes its place at the end: what runs from dist meanwhile keeps its files.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const STAGE = 'dist.next'

/**
 * Moments at which somebody waits for a part of the program, each with what is loaded then: what a process or a thread
 * starts with, what a verb loads.
 */
const MOMENTS = [
  ['cli/main'],
  ['cli/start', 'cli/quantize'],
  ['cli/quantize-work', 'cli/data-set', 'cli/model-file', 'engine/model-files'],
  ['cli/print'],
  ['cli/worker'],
  ['engine/ort-node-child'],
  ['engine/ort-node-lane'],
  ['engine/ort-node-lanes-child'],
  ['recipe/weight-thread'],
  ['serve/rollout/drill-thread'],
  ['serve/protocol/json-thread'],
]
/** Of these the one whose part is small and of use to all others that wait: it lies in one file whoever loads it. */
const SMALL = MOMENTS.findIndex(([path]) => path === 'engine/ort-node-child')
/** Modules that do something by being loaded; what the manifest says of them holds for `dist`, where they do not lie yet. */
const WITH_EFFECT =
  /[\\/](cli[\\/]main|engine[\\/]ort-telemetry|engine[\\/]ort-node-(lanes-)?child|engine[\\/]ort-node-lane|[\w-]+-thread)\.js$/

/** Text beyond ASCII as escapes: a file with one such letter takes two bytes for every letter in memory. */
const asciiAlone = {
  name: 'ascii-alone',
  generateBundle(_, bundle) {
    for (const part of Object.values(bundle))
      if (part.type === 'chunk')
        part.code = part.code.replace(
          /[\u0080-\uffff]/g,
          (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
        )
  },
}

/**
 * The runtime's JavaScript, two dozen small files, lies in the bundle: finding and compiling each of them took every
 * process that runs models 14 ms of processor time. Its native half stays in its package, wherever that lies.
 */
const NATIVE = ['`../bin/', '`onnxruntime-node/bin/']
const nativeFromPackage = {
  name: 'native-from-package',
  transform(code, id) {
    if (!/onnxruntime-node[\\/]dist[\\/]binding\.js$/.test(id)) return null
    if (!code.includes(NATIVE[0])) throw new Error(`${id} does not load ${NATIVE[0]}`)
    return code.replace(...NATIVE)
  },
}

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
  const moments = MOMENTS.map((paths) => paths.map(entry))
  const included = [
    '@bufbuild/protobuf',
    'cephes',
    'onnx-buf',
    'onnxruntime-common',
    'onnxruntime-node',
    'pure-rand',
    'yaml',
  ]
  const isOwn = (id) => id.startsWith('.') || id.startsWith('/') || /^[A-Za-z]:[\\/]/.test(id)
  const build = await rolldown({
    platform: 'node',
    // Which a group without all that it needs asks for; nobody imports the bundle's files but the bundle.
    preserveEntrySignatures: 'allow-extension',
    resolve: { alias: { cephes: resolve('node_modules/cephes/index.js') } },
    plugins: [asciiAlone, nativeFromPackage],
    treeshake: { moduleSideEffects: (id) => (id.includes('node_modules') ? undefined : WITH_EFFECT.test(id)) },
    external: (id) => !isOwn(id) && !included.some((name) => id === name || id.startsWith(`${name}/`)),
    input: {
      main: entry('cli/main'),
      'ort-node-child': entry('engine/ort-node-child'),
      'ort-node-lanes-child': entry('engine/ort-node-lanes-child'),
      'ort-node-lane': entry('engine/ort-node-lane'),
      'drill-thread': entry('serve/rollout/drill-thread'),
      'json-thread': entry('serve/protocol/json-thread'),
      'weight-thread': entry('recipe/weight-thread'),
      'pglite-thread': entry('state/pglite-thread'),
    },
  })
  // Space and comments are a third of what every start reads; names stay, for whoever reads a stack.
  const minify = { compress: false, mangle: false, codegen: { removeWhitespace: true } }
  const form = { format: 'esm', entryFileNames: '[name].js', chunkFileNames: 'part-[name].js', minify }
  const { output } = await build.generate(form)
  const { output: modules } = await build.generate({ ...form, preserveModules: true })
  const groups = gathered([output, modules], moments)
  await build.write({ dir: whet, ...form, codeSplitting: { includeDependenciesRecursively: false, groups } })
  await build.close()
  writeFileSync(join(whet, 'NOTICE.txt'), included.map(noticeOf).join('\n'))
  chmodSync(join(whet, 'main.js'), 0o755)
}

/**
 * Finding a file and reading it takes half a millisecond, reading code that is not run another half for each 25 KB: modules
 * that the same moments load lie in one file, and no moment loads what only others need. Of `outputs` one is the bundle as
 * it falls apart by itself, where modules come along that lie in one file with others, and one has a file a module, where
 * all come along that an index names: a moment needs what it loads in both.
 */
function gathered(outputs, moments) {
  const [loading, ...others] = outputs.map((output) => loadedBy(output, moments))
  const needed = ([id, by]) => [id, by.filter((moment) => others.every((other) => other.get(id)?.includes(moment)))]
  const needs = [...loading].map(needed).filter(([, by]) => by.length > 0)
  const kinds = new Map(needs.map(([id, by]) => [id, by.includes(SMALL) ? 'small' : String(by)]))
  const names = [...new Set(kinds.values())]
  const begins = new Set(moments.flat())
  const name = (id) => {
    const kind = kinds.get(id)
    return kind !== undefined && !begins.has(id) ? `shared-${names.indexOf(kind)}` : null
  }
  return [{ name, debugName: 'by moments' }]
}

/** The moments, by number, that load each module where the bundle lies in these files. */
function loadedBy(output, moments) {
  const chunks = new Map(output.filter(({ type }) => type === 'chunk').map((chunk) => [chunk.fileName, chunk]))
  const loading = new Map()
  for (const [index, moment] of moments.entries()) {
    const files = new Set([...chunks.values()].flatMap((c) => (moment.includes(c.facadeModuleId) ? [c.fileName] : [])))
    if (files.size !== moment.length) throw new Error(`of ${moment.join(', ')} some begin no file of the bundle`)
    for (const file of files) for (const next of chunks.get(file).imports) if (chunks.has(next)) files.add(next)
    for (const file of files)
      for (const id of Object.keys(chunks.get(file).modules)) loading.set(id, [...(loading.get(id) ?? []), index])
  }
  return loading
}

/** Whose code is in the bundle, and under which licence. */
function noticeOf(name) {
  const folder = join('node_modules', name)
  const { version, license, repository } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one))
  const text = file ? `\n${readFileSync(join(folder, file), 'utf8')}` : ''
  return `${name} ${version}, ${license}, ${repository?.url ?? repository ?? 'npm'}\n${text}`
}
