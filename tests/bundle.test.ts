import { fork } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { BUILT, PROGRAM } from './command.ts'

/** Tells beside each answer which files the process has loaded by `require`. */
const HOOK = `data:text/javascript,${encodeURIComponent(`
  import Module from 'node:module'
  const send = process.send.bind(process)
  process.send = (message) => send({ ...message, loaded: Object.keys(Module._cache) })
`)}`

// `npm test` builds before.
test.skipIf(PROGRAM[0] !== BUILT)(
  'a process with the runtime in it finds the runtime’s JavaScript in the bundle, its native half in the package',
  async () => {
    const child = fork(join(dirname(BUILT), 'ort-node-child.js'), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc', 'ignore'],
      execArgv: ['--import', HOOK],
    })
    try {
      const answer = await new Promise<{ readonly failure?: unknown; readonly loaded: readonly string[] }>(
        (resolve) => {
          child.once('message', resolve as (message: unknown) => void)
          child.send({ id: 0, request: { body: { op: 'warm' } } })
        },
      )
      expect(answer.failure).toBeUndefined()
      const own = answer.loaded.filter((file) => file.includes('onnxruntime'))
      expect(own).toEqual([expect.stringMatching(/onnxruntime_binding\.node$/)])
    } finally {
      child.kill('SIGKILL')
    }
  },
)

/** The files that a file of the bundle cannot begin without, itself among them. */
function loadedWith(entry: string): readonly string[] {
  const files = new Set([entry])
  for (const file of files)
    for (const [, next] of readFileSync(join(dirname(BUILT), file), 'utf8').matchAll(/(?:from|import)"\.\/([\w.-]+)"/g))
      files.add(next!)
  return [...files]
}

test.skipIf(PROGRAM[0] !== BUILT)(
  'what quantizes comes without the functions of distributions, what compares with them',
  () => {
    const hasThem = (file: string) => readFileSync(join(dirname(BUILT), file), 'utf8').includes('CephesCompiled')
    const quantizing = ['part-start.js', 'part-quantize.js', 'part-quantize-work.js'].flatMap(loadedWith)
    expect(quantizing.length).toBeGreaterThan(10)
    expect(quantizing.filter(hasThem)).toEqual([])
    expect(loadedWith('part-compare-gated.js').filter(hasThem)).toHaveLength(1)
  },
)

test.skipIf(PROGRAM[0] !== BUILT)('nor with pages of HTML and readers of other rows than an .npz', () => {
  const beginnings = ['start', 'quantize', 'quantize-work', 'model-file', 'data-set', 'print']
  const quantizing = new Set(beginnings.flatMap((name) => loadedWith(`part-${name}.js`)))
  const folder = dirname(BUILT)
  const holders = (declared: string) =>
    readdirSync(folder).filter(
      (file) => file.endsWith('.js') && readFileSync(join(folder, file), 'utf8').includes(declared),
    )
  for (const name of ['renderHtml', 'openCsv', 'openFolder', 'openJsonl', 'tokenizeColumn']) {
    const files = holders(`function ${name}(`)
    expect([name, files.length]).toEqual([name, 1])
    expect([name, quantizing.has(files[0]!)]).toEqual([name, false])
  }
})
