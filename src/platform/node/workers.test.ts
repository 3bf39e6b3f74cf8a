import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { forkModule, openWorkerPool, siblingModule, type WorkerPool } from '../index.ts'

// JavaScript, so that threads can read it on every version of Node.
const JOBS = `
export const double = (value) => value * 2
export const firstOf = (values) => values[0]
export const fail = (what) => { throw new RangeError(what) }
export const die = () => process.exit(3)
`
const folder = mkdtempSync(join(tmpdir(), 'whetstone-workers-'))
writeFileSync(join(folder, 'jobs.mjs'), JOBS)
const jobs = pathToFileURL(join(folder, 'jobs.mjs'))
const echo = siblingModule(import.meta.url, 'fixtures/echo-child')

describe('a pool of workers', () => {
  let pool: WorkerPool | undefined
  afterEach(() => pool?.close())

  test('gives results in the order of the items, typed arrays included', async () => {
    pool = openWorkerPool(jobs, 2)
    expect(await pool.map('double', [1, 2, 3, 4, 5])).toEqual([2, 4, 6, 8, 10])
    expect(await pool.map('firstOf', [Float32Array.of(7), Float32Array.of(8)])).toEqual([7, 8])
    expect(await pool.map('double', [])).toEqual([])
  })

  test('does the same with a module of a checkout', async () => {
    pool = openWorkerPool(siblingModule(import.meta.url, 'fixtures/jobs'), 2)
    expect(await pool.map('double', [1, 2])).toEqual([2, 4])
  })

  test('rejects with the error of a job, and goes on', async () => {
    pool = openWorkerPool(jobs, 1)
    await expect(pool.map('fail', ['no'])).rejects.toThrow(RangeError)
    await expect(pool.map('missing', [1])).rejects.toThrow(
      'internal: the module of the workers has no function missing',
    )
    await expect(pool.map('double', [() => 1])).rejects.toThrow(/could not be cloned/)
    expect(await pool.map('double', [1])).toEqual([2])
  })

  test('outlives a worker that ends', async () => {
    pool = openWorkerPool(jobs, 1)
    await expect(pool.map('die', [0])).rejects.toThrow('a worker ended with code 3')
    expect(await pool.map('double', [3])).toEqual([6])
  })
})

describe('a child process', () => {
  const ended = (child: ReturnType<typeof forkModule>) =>
    new Promise<NodeJS.Signals | null>((resolve) => child.once('close', (_, signal) => resolve(signal)))

  test('takes and gives structured clones', async () => {
    const child = forkModule(echo, {})
    const echoed = new Promise((resolve) => child.once('message', resolve))
    child.send({ values: Float32Array.of(1.5), count: 3n } as object)
    expect(await echoed).toEqual({ values: Float32Array.of(1.5), count: 3n })
    child.kill('SIGKILL')
    expect(await ended(child)).toBe('SIGKILL')
  })

  test('has the variables of this process and those it is given, without the certificates that Node would read', async () => {
    // What Node cannot read it complains of, and so it tells that it looked.
    vi.stubEnv('NODE_EXTRA_CA_CERTS', join(folder, 'missing.pem'))
    vi.stubEnv('WHETSTONE_OWN', 'own')
    const child = forkModule(echo, { env: { WHETSTONE_OWN: 'given', WHETSTONE_GIVEN: 'given' } })
    vi.unstubAllEnvs()
    let stderr = ''
    child.stderr!.on('data', (text) => {
      stderr += text
    })
    const told = new Promise((resolve) => child.once('message', resolve))
    child.send({ variables: ['WHETSTONE_OWN', 'WHETSTONE_GIVEN', 'NODE_EXTRA_CA_CERTS'] })
    expect(await told).toEqual(['own', 'given', undefined])
    child.kill('SIGKILL')
    await ended(child)
    expect(stderr).not.toContain('missing.pem')
  })

  test('tells how it crashed', async () => {
    const child = forkModule(echo, {})
    let stderr = ''
    child.stderr!.on('data', (text) => {
      stderr += text
    })
    child.send('crash')
    expect(await ended(child)).toBe('SIGSEGV')
    expect(stderr).toContain('about to crash')
  })
})
