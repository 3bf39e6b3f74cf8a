import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * Starts a module of this folder in a process that is to be killed. `ended` settles when it was; one that ends by itself
 * is an error.
 */
export function startWorker(name: string, words: readonly string[]) {
  const built = join(import.meta.dirname, `${name}.js`)
  const source = join(import.meta.dirname, `${name}.ts`)
  const hooks = pathToFileURL(resolve(import.meta.dirname, '../scripts/typescript-hooks.mjs')).href
  const program = existsSync(source) ? ['--import', hooks, source] : [built]
  const child = spawn(process.execPath, [...program, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const ended = new Promise<void>((done, fail) => {
    child.once('close', (code, signal) =>
      signal === 'SIGKILL' ? done() : fail(new Error(`the worker ended by itself: ${code ?? signal}`)),
    )
  })
  return { stdout: child.stdout, kill: () => void child.kill('SIGKILL'), ended }
}

/** Whether this module is the program itself. */
export const isProgram = (module: string): boolean =>
  process.argv[1] !== undefined && module === pathToFileURL(process.argv[1]).href

/**
 * Runs as many kills as the program's first word says, by the seed that its second is, and prints what is wrong;
 * `things` are counted beside them.
 */
export async function reportKills(
  things: string,
  run: (asked: {
    readonly kills: number
    readonly seed: number
    readonly onKill: (kill: number, count: number) => void
  }) => Promise<readonly string[]>,
): Promise<void> {
  const [kills, seed] = [Number(process.argv[2] ?? 100), Number(process.argv[3] ?? 1)]
  const started = performance.now()
  const problems = await run({
    kills,
    seed,
    onKill: (kill, count) => process.stderr.write(`\rkill ${kill} of ${kills}, ${count} ${things} `),
  })
  for (const problem of problems) process.stdout.write(`${problem}\n`)
  process.stdout.write(
    `\n${kills} kills, ${problems.length} problems, ${Math.round((performance.now() - started) / 1000)} s, seed ${seed}\n`,
  )
  process.exitCode = problems.length > 0 ? 1 : 0
}
