import { fork } from 'node:child_process'
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
