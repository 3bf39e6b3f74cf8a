import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  FileSource,
  sha256,
  UserError,
  withLock,
  writeAtomic,
  writeCached,
  writeDirectoryAtomic,
  writeFilesAtomic,
} from '../index.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whetstone-platform-'))
})

async function failure(work: Promise<unknown>): Promise<UserError> {
  const error = await work.then(
    () => undefined,
    (caught) => caught,
  )
  expect(error).toBeInstanceOf(UserError)
  return error as UserError
}

describe('atomic writes', () => {
  test('what killed processes left of a file goes when it is whole; what a living one writes stays', async () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid
    const [killed, alive, fresh, other, mine] = [
      `.a.${dead}.0badc0de.tmp`,
      `.a.${process.pid}.0badc0de.tmp`,
      `.a.${dead}.deadbeef.tmp`,
      `.ab.${dead}.0badc0de.tmp`,
      `.a.${dead}.notes.tmp`,
    ]
    for (const name of [killed, alive, fresh, other, mine]) writeFileSync(join(folder, name), 'half')
    // Another machine that shares the folder may be writing what is new.
    for (const name of [killed, alive, other, mine]) utimesSync(join(folder, name), 1, 1)
    await writeAtomic(join(folder, 'a'), 'whole')
    expect(readdirSync(folder).sort()).toEqual(['a', alive, fresh, other, mine].sort())
    // Temporary names hold no more than a part of a long one.
    const long = 'n'.repeat(200)
    const left = join(folder, `.${long.slice(0, 48)}.${dead}.0badc0de.tmp`)
    writeFileSync(left, 'half')
    utimesSync(left, 1, 1)
    await writeAtomic(join(folder, long), 'whole')
    expect(existsSync(left)).toBe(false)
  })

  test('pieces become one file, and nothing else is left', async () => {
    await writeAtomic(join(folder, 'a'), [new Uint8Array([1, 2]), new Uint8Array([3])])
    expect([...readFileSync(join(folder, 'a'))]).toEqual([1, 2, 3])
    expect(readdirSync(folder)).toEqual(['a'])
  })

  test('an error half-way keeps the old content and leaves nothing behind', async () => {
    writeFileSync(join(folder, 'a'), 'old')
    async function* broken() {
      yield 'new'
      throw new Error('torn')
    }
    await expect(writeAtomic(join(folder, 'a'), broken())).rejects.toThrow('torn')
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('old')
    expect(readdirSync(folder)).toEqual(['a'])
  })

  test('of files that belong together, none appears where one fails', async () => {
    const work = writeFilesAtomic([
      [join(folder, 'a'), 'x'],
      [join(folder, 'missing', 'b'), 'y'],
    ])
    expect((await failure(work)).code).toBe('unwritable')
    expect(readdirSync(folder)).toEqual([])
  })

  test('of files that belong together, all are as they were where one cannot take its place', async () => {
    writeFileSync(join(folder, 'weights'), 'old weights')
    mkdirSync(join(folder, 'model', 'inside'), { recursive: true })
    const work = writeFilesAtomic([
      [join(folder, 'weights'), 'new weights'],
      [join(folder, 'new'), 'x'],
      [join(folder, 'model'), 'new model'],
    ])
    await failure(work)
    expect(readFileSync(join(folder, 'weights'), 'utf8')).toBe('old weights')
    expect(readdirSync(folder).sort()).toEqual(['model', 'weights'])
  })

  test('of files that belong together, new ones replace old ones and leave nothing else', async () => {
    const paths = ['weights', 'model'].map((name) => join(folder, name))
    for (const version of ['old', 'new']) await writeFilesAtomic(paths.map((path) => [path, version]))
    expect(paths.map((path) => readFileSync(path, 'utf8'))).toEqual(['new', 'new'])
    expect(readdirSync(folder).sort()).toEqual(['model', 'weights'])
  })

  test('a missing folder is explained', async () => {
    const error = await failure(writeAtomic(join(folder, 'no', 'a'), 'x'))
    expect([error.code, error.where, error.hint]).toEqual([
      'unwritable',
      join(folder, 'no', 'a'),
      'make the folder first, or choose another',
    ])
  })

  test.skipIf(process.getuid?.() === 0)('a folder without write permission is explained', async () => {
    chmodSync(folder, 0o500)
    expect((await failure(writeAtomic(join(folder, 'a'), 'x'))).code).toBe('unwritable')
    chmodSync(folder, 0o700)
  })

  test.skipIf(process.platform === 'win32')('a pipe keeps its name: no file takes its place', async () => {
    const pipe = join(folder, 'pipe')
    spawnSync('mkfifo', [pipe])
    const error = await failure(writeAtomic(pipe, 'x'))
    expect([error.code, error.message]).toEqual(['bad-argument', expect.stringMatching(/device or a pipe/)])
    expect(lstatSync(pipe).isFIFO()).toBe(true)
    expect(readdirSync(folder)).toEqual(['pipe'])
  })

  test.skipIf(!existsSync('/proc/self'))(
    'a folder that cannot be made below /proc is refused and not waited for',
    async () => {
      const below = '/proc/none/below'
      expect((await failure(writeDirectoryAtomic(below, [['a', 'x']]))).code).toBe('unwritable')
      expect((await failure(withLock(below, () => 1))).code).toBe('unwritable')
      expect(await writeCached(below, 'a', 'x')).toBe(undefined)
    },
  )

  test('a full disk is explained', async () => {
    const error = Object.assign(new Error('write'), { code: 'ENOSPC' })
    async function* full() {
      yield 'some'
      throw error
    }
    expect((await failure(writeAtomic(join(folder, 'a'), full()))).code).toBe('out-of-resources')
    expect(readdirSync(folder)).toEqual([])
  })

  test('a new folder appears whole or not at all; in an old one other files stay', async () => {
    const out = join(folder, 'deep', 'out')
    async function* broken() {
      yield 'new'
      throw new Error('torn')
    }
    await expect(
      writeDirectoryAtomic(out, [
        ['c/d', 'x'],
        ['e', broken()],
      ]),
    ).rejects.toThrow('torn')
    expect(readdirSync(join(folder, 'deep'))).toEqual([])
    await writeDirectoryAtomic(out, [['c/d', 'x']])
    await writeDirectoryAtomic(out, [['e', 'y']])
    expect(readFileSync(join(out, 'c', 'd'), 'utf8') + readFileSync(join(out, 'e'), 'utf8')).toBe('xy')
  })
})

describe('file ranges', () => {
  test('keep their bytes when another file takes over the name', async () => {
    const path = join(folder, 'a')
    writeFileSync(path, 'old content')
    const range = new FileSource(path).range(4, 7)
    await writeAtomic(path, 'new')
    expect(new TextDecoder().decode(range.read())).toBe('content')
    let text = ''
    for (const piece of range.chunks(3)) text += new TextDecoder().decode(piece)
    expect(text).toBe('content')
  })

  test('a missing file and a folder are explained', () => {
    expect(() => new FileSource(join(folder, 'no'))).toThrow(UserError)
    expect(() => new FileSource(folder)).toThrow(/is not a file/)
  })
})

test('sha256 over pieces equals sha256 over the whole', () => {
  const expected = createHash('sha256').update('abc').digest('hex')
  expect(sha256(['a', new Uint8Array([98]), 'c'])).toBe(`sha256:${expected}`)
})

describe('the lock of a folder', () => {
  test('refuses a second run, and lets the next one in', async () => {
    let inside: UserError | undefined
    await withLock(folder, async () => {
      inside = await failure(withLock(folder, () => 1))
    })
    expect(inside?.code).toBe('busy')
    expect(await withLock(folder, () => 2)).toBe(2)
    expect(readdirSync(folder)).toEqual([])
  })

  test('is taken over from a process that died', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    const host = (await import('node:os')).hostname()
    writeFileSync(join(folder, '.whetstone.lock'), JSON.stringify({ pid, host, born: '1', since: 'then' }))
    expect(await withLock(folder, () => 3)).toBe(3)
  })

  test.skipIf(!existsSync('/proc/self/stat'))('is taken over where the number now names another process', async () => {
    const host = (await import('node:os')).hostname()
    const lock = { pid: process.ppid, host, born: 'before the last start', since: 'then' }
    writeFileSync(join(folder, '.whetstone.lock'), JSON.stringify(lock))
    expect(await withLock(folder, () => 4)).toBe(4)
  })

  test('is released when the work fails, and the folders made for it go again', async () => {
    const fresh = join(folder, 'new', 'deep')
    await expect(withLock(fresh, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(readdirSync(folder)).toEqual([])
  })

  test('leaves the folders that something came to be in', async () => {
    const fresh = join(folder, 'new', 'deep')
    await withLock(fresh, () => writeFileSync(join(fresh, 'result'), ''))
    expect(readdirSync(fresh)).toEqual(['result'])
    await withLock(fresh, () => rmSync(join(fresh, 'result')))
    expect(readdirSync(fresh)).toEqual([])
  })
})
