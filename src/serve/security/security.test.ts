import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type ByteTensor, bytesOfValue } from '../../engine/index.ts'
import { Departure } from '../departure.ts'
import { AnswerCache, tensorsDigest } from '../model/answer-cache.ts'
import { Access, keyOf } from './access.ts'
import { AuditLog, verifyAuditLog } from './audit-log.ts'
import { KeyRing, makeKey, readKeys } from './keys.ts'
import { TokenBucket } from './token-bucket.ts'

const folder = mkdtempSync(join(tmpdir(), 'security-'))

describe('keys', () => {
  const { key, entry } = makeKey('ci', ['infer'])

  test('the file holds a hash and not the key', () => {
    expect(key).toMatch(/^whet_[\w-]{43}$/)
    expect(JSON.stringify(entry)).not.toContain(key.slice(5, 20))
    const path = join(folder, 'keys.json')
    writeFileSync(path, JSON.stringify({ keys: [entry] }))
    expect(new KeyRing(readKeys(path)).admit(key, 'infer').name).toBe('ci')
  })

  test('no key, a wrong key, a wrong scope, a wrong model', () => {
    const ring = new KeyRing([{ ...entry, models: ['a'] }])
    const refusal = (presented: string | undefined, scope: 'infer' | 'admin', model: string) => {
      try {
        ring.admit(presented, scope, model)
      } catch (error) {
        return (error as { code: string }).code
      }
      return 'let in'
    }
    expect(refusal(undefined, 'infer', 'a')).toBe('unauthenticated')
    expect(refusal(`${key}x`, 'infer', 'a')).toBe('unauthenticated')
    expect(refusal(key, 'admin', 'a')).toBe('forbidden')
    expect(refusal(key, 'infer', 'b')).toBe('forbidden')
    expect(refusal(key, 'infer', 'a')).toBe('let in')
  })

  test('a rate holds for each key', () => {
    const ring = new KeyRing([{ ...entry, requestsPerSecond: 0.001, burst: 2 }])
    ring.admit(key, 'infer')
    ring.admit(key, 'infer')
    expect(() => ring.admit(key, 'infer')).toThrow('over its rate')
  })

  test.each([
    ['{', 'not JSON'],
    ['{}', 'no list "keys"'],
    ['{"keys":[{"name":"a","hash":"x","scopes":[]}]}', 'key 1 (a): "hash"'],
    [`{"keys":[{"name":"a","hash":"${entry.hash}","scopes":["root"]}]}`, '"scopes" may hold'],
  ])('%s is refused by name', (text, message) => {
    const path = join(folder, 'broken.json')
    writeFileSync(path, text)
    expect(() => readKeys(path)).toThrow(message)
  })

  test('headers that hold a key', () => {
    expect(keyOf('Bearer abc', undefined)).toBe('abc')
    expect(keyOf(undefined, 'abc')).toBe('abc')
    expect(keyOf('Basic abc', undefined)).toBeUndefined()
  })
})

test('a bucket lets a burst through, and its rate on average', () => {
  const bucket = new TokenBucket(10, 3, 0)
  expect([0, 0, 0, 0].map(() => bucket.take(0))).toEqual([0, 0, 0, 100])
  expect(bucket.take(99)).toBeGreaterThan(0)
  expect(bucket.take(200)).toBe(0)
  expect(Array.from({ length: 1000 }, (_, i) => bucket.take(1000 + i * 10)).filter((wait) => wait === 0).length).toBe(
    102,
  )
})

describe('acts without keys', () => {
  const here = { key: undefined, address: '127.0.0.1', host: 'localhost:8000' }
  test('are for this machine alone', () => {
    expect(() => new Access(null, true).admit(here, 'admin')).not.toThrow()
    expect(() => new Access(null, false).admit(here, 'admin')).toThrow('API key')
    for (const change of [
      { address: '10.0.0.1' },
      { host: 'evil.example' },
      { origin: 'https://evil.example' },
      { forwarded: true },
    ])
      expect(() => new Access(null, true).admit({ ...here, ...change }, 'admin')).toThrow('API key')
  })
})

describe('the audit log', () => {
  const act = (model: string) => ({ act: 'load', who: 'ci', from: '::1', model, outcome: 'done' as const })
  const written = (name: string) => {
    const path = join(folder, name)
    const log = new AuditLog(path)
    for (const model of ['a', 'b', 'c']) log.record(act(model))
    log.close()
    return path
  }

  const openFiles = () =>
    readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)]
      } catch {
        return [] // The one that the folder was read through.
      }
    })

  test('goes on where it ended', () => {
    const path = written('audit.jsonl')
    const again = new AuditLog(path)
    again.record(act('d'))
    again.close()
    expect(verifyAuditLog(path).entries).toBe(4)
  })

  test.skipIf(process.platform === 'win32')(
    'a full disk takes a whole line or none, and the log goes on after it',
    () => {
      const path = join(folder, 'full.jsonl')
      const hooks = pathToFileURL(join(import.meta.dirname, '../../../scripts/typescript-hooks.mjs')).href
      const script = `
      import { AuditLog } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, 'audit-log.ts')).href)}
      const log = new AuditLog(${JSON.stringify(path)})
      for (let i = 0; i < 9; i++) try { log.record(${JSON.stringify(act('m'))}) } catch (error) { console.log(error.message) }
    `
      // A file may not grow beyond a kilobyte: the system says so as it does where a disk ends.
      const limited = `trap '' XFSZ; ulimit -f 2; exec "$0" "$@"`
      const words = ['--import', hooks, '--input-type=module', '--eval', script]
      const { stdout } = spawnSync('sh', ['-c', limited, process.execPath, ...words], {
        encoding: 'utf8',
        env: { ...process.env, NODE_OPTIONS: '' },
      })
      expect(stdout).toContain(`cannot write ${path}: it is larger than a file may be here`)
      const again = new AuditLog(path)
      again.record(act('d'))
      again.close()
      const refused = stdout.trim().split('\n').length
      expect(refused).toBeLessThan(9)
      expect(verifyAuditLog(path).entries).toBe(10 - refused)
    },
  )

  test.each<[string, (text: string) => string, string]>([
    ['changed', (text) => text.replace('"model":"b"', '"model":"x"'), 'line 2'],
    [
      'taken out',
      (text) =>
        text
          .split('\n')
          .filter((_, i) => i !== 1)
          .join('\n'),
      'line 2',
    ],
    ['put in', (text) => text.replace('\n', '\n{"n":1}\n'), 'line 2'],
    ['cut short', (text) => text.slice(0, -5), 'line 3'],
  ])('a line that is %s breaks the chain, and nothing is appended to it', (name, change, where) => {
    const path = written(`${name}.jsonl`)
    writeFileSync(path, change(readFileSync(path, 'utf8')))
    expect(() => verifyAuditLog(path)).toThrow(where)
    expect(() => new AuditLog(path)).toThrow(where)
    if (process.platform === 'linux') expect(openFiles()).not.toContain(path)
  })
})

describe('the cache of answers', () => {
  const tensor = (name: string, values: readonly number[], dims = [values.length]) =>
    bytesOfValue(name, { dtype: 'float32', dims, data: Float32Array.from(values) })
  const ANYHOW = { model: 'm', timeoutMs: 0 }
  const run = (values: readonly number[]) => async () => [tensor('y', values)]

  test('keys differ with name, type, shape, bytes and context, and never by how they are put together', () => {
    const keys = [
      tensorsDigest([tensor('x', [1, 2])]),
      tensorsDigest([tensor('x', [1, 3])]),
      tensorsDigest([tensor('x', [1, 2], [1, 2])]),
      tensorsDigest([tensor('z', [1, 2])]),
      tensorsDigest([tensor('x', [1]), tensor('x', [2])]),
      tensorsDigest([tensor('x', [1, 2])], ['tenant']),
      tensorsDigest([tensor('x', [1, 2])], ['ten', 'ant']),
    ]
    expect(new Set(keys).size).toBe(keys.length)
    const { pieces, ...rest } = tensor('x', [1, 2])
    const split = { ...rest, pieces: [pieces[0]!.subarray(0, 3), pieces[0]!.subarray(3)] }
    expect(tensorsDigest([split])).toBe(keys[0])
  })

  test('equal requests under way run once; failures are not kept', async () => {
    const cache = new AnswerCache(1 << 20)
    let runs = 0
    const slow = async () => {
      runs++
      await new Promise((resolve) => setImmediate(resolve))
      return [tensor('y', [1])]
    }
    const answers = await Promise.all([1, 2, 3].map(() => cache.get('k', ANYHOW, slow)))
    expect([runs, answers.map(({ how }) => how)]).toEqual([1, ['miss', 'shared', 'shared']])
    expect((await cache.get('k', ANYHOW, slow)).how).toBe('hit')
    await expect(cache.get('bad', ANYHOW, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect((await cache.get('bad', ANYHOW, run([1]))).how).toBe('miss')
  })

  test('each waits for as long as it said, whoever began; a run that nobody waits for any more is told', async () => {
    const cache = new AnswerCache(1 << 20)
    const runs: { departure: Departure; answer(outputs: readonly ByteTensor[]): void }[] = []
    const slow = (departure: Departure) =>
      new Promise<readonly ByteTensor[]>((answer) => void runs.push({ departure, answer }))
    const get = (patience: object) => {
      const found = cache.get('k', { ...ANYHOW, ...patience }, slow)
      found.catch(() => {})
      return found
    }
    const client = new Departure()
    const [hasty, patient, late, left] = [
      get({ timeoutMs: 5 }),
      get({}),
      get({ timeoutMs: 10 }),
      get({ departure: client }),
    ]
    client.leave()
    await expect(hasty).rejects.toMatchObject({ code: 'timeout', message: "request to model 'm' timed out" })
    await expect(late).rejects.toMatchObject({ code: 'timeout' })
    await expect(left).rejects.toMatchObject({ code: 'cancelled' })
    expect([runs.length, runs[0]!.departure.gone]).toEqual([1, false])
    runs[0]!.answer([tensor('y', [1])])
    expect((await patient).how).toBe('shared')
    expect((await get({})).how).toBe('hit')

    cache.clear()
    await expect(get({ timeoutMs: 1 })).rejects.toMatchObject({ code: 'timeout' })
    expect(runs[1]!.departure.gone).toBe(true)
    const next = get({})
    runs[1]!.answer([tensor('y', [1])])
    runs[2]!.answer([tensor('y', [2])])
    expect((await next).outputs).toEqual([tensor('y', [2])])
  })

  test('holds no more bytes than it may; what was used last stays', async () => {
    const cache = new AnswerCache(8 * 1024)
    for (let i = 0; i < 50; i++) {
      await cache.get(`k${i}`, ANYHOW, run([i]))
      await cache.get('k0', ANYHOW, run([0]))
    }
    expect(cache.bytes).toBeLessThanOrEqual(8 * 1024)
    expect(cache.evictions).toBeGreaterThan(20)
    expect((await cache.get('k0', ANYHOW, run([9]))).how).toBe('hit')
    expect((await cache.get('k1', ANYHOW, run([9]))).how).toBe('miss')
    await cache.get('large', ANYHOW, run(Array(4096).fill(0)))
    expect((await cache.get('large', ANYHOW, run([0]))).how).toBe('miss')
  })

  test('a row of a batch is kept without the rest of the batch', async () => {
    const cache = new AnswerCache(1 << 20)
    const whole = tensor('y', Array(1000).fill(1))
    const rowOnly = { ...whole, dims: [1], pieces: [whole.pieces[0]!.subarray(0, 4)] }
    await cache.get('k', ANYHOW, async () => [rowOnly])
    const { outputs } = await cache.get('k', ANYHOW, run([0]))
    expect(outputs[0]!.pieces[0]!.buffer.byteLength).toBe(4)
  })
})
