import { accessSync, constants, lstatSync, realpathSync, type Stats, statSync } from 'node:fs'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { checkReplaceable, explainSystemError, UserError, writeAtomic } from '../platform/index.ts'
import type { Arguments, Context } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

/**
 * The `-o FILE` of a verb. Looked at before any work is done, so that a wrong path costs no one an hour.
 *
 * @throws UserError where the option is missing, the folder does not exist or may not be written, FILE is a folder, or
 *   the call names the same file once more: what it reads is never replaced by what it writes.
 */
export function outputFile(options: Arguments, example: string): string {
  options.required('output', `say where to write it: -o ${example}`)
  return writableFile(options, 'output', example)!
}

/**
 * The `-o DIR` of a verb that writes several files, as a whole path; the folder is made when it is written.
 *
 * @param written The files and folders in it that are replaced, such as `model.onnx`.
 * @throws UserError where the option is missing, is a file, or is named like a model: whoever writes `-o small.onnx`
 *   wants a file, and would look for it in vain; and where the call reads one of the files `written`.
 */
export function outputFolder(options: Arguments, written: readonly string[] = []): string {
  const path = options.required('output', 'say where to put the results: -o out')
  if (/\.onnx$/i.test(path))
    throw wrongCall(
      `-o ${path}: this verb writes a folder of files`,
      `name the folder: -o ${path.replace(/\.onnx$/i, '')}`,
    )
  let there: Stats | undefined
  try {
    there = statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    throw explainSystemError(error, path, 'write')
  }
  if (there && !there.isDirectory())
    throw new UserError('bad-argument', `-o ${path}: a file has this name, and a folder is to be written`, {
      where: path,
      hint: 'name another folder, such as -o out',
    })
  for (const name of written)
    refuseDouble(options, 'output', join(path, name), 'write to another folder, such as -o out')
  return resolve(path)
}

/** The file of another option that names one, looked at the same way; undefined without the option. */
export function writableFile(options: Arguments, option: string, example: string): string | undefined {
  const named = options.text(option)
  if (named === undefined) return undefined
  if (named === '-')
    throw wrongCall(
      'cannot write to stdout: that is where the report goes',
      `name a file, such as ${example}; ./- where it is to be called -`,
    )
  const path = behindLink(named)
  const folder = dirname(path)
  if (/[\\/]$/.test(path) || isFolder(path))
    throw new UserError('bad-argument', `cannot write ${path}: it is a folder`, {
      where: path,
      hint: `name a file in it, such as ${path.replace(/[\\/]$/, '')}/${example}`,
    })
  try {
    if (!statSync(folder).isDirectory()) throw Object.assign(new Error('not a folder'), { code: 'ENOTDIR' })
    accessSync(folder, constants.W_OK)
    checkReplaceable(path)
  } catch (error) {
    throw explainSystemError(error, path, 'write')
  }
  refuseDouble(options, option, path, `write to a file of another name, such as ${example}`)
  return path
}

/** Whether a folder has this name; what the system cannot look up is none. */
function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

/** A link stays one: the file that it leads to, if it does, is what is written. */
function behindLink(path: string): string {
  try {
    return lstatSync(path).isSymbolicLink() ? realpathSync.native(path) : path
  } catch {
    return path
  }
}

/** What calls are going to write, with what to do where that must not be. */
const written = new WeakMap<Arguments, { readonly path: string; readonly hint: string }[]>()

/** What a call reads stays as it is: no file that it writes, or that lies in a folder it writes, is named once more. */
function refuseDouble(options: Arguments, option: string, path: string, hint: string): void {
  written.set(options, [...(written.get(options) ?? []), { path, hint }])
  const double = options.words(option).find((word) => liesAt(word, path))
  if (double !== undefined) refuse(path, `this command names the same file as ${double}`, hint)
}

/**
 * The same for files that the call does not name, but reads: the weights that lie beside a model.
 *
 * @throws UserError where the call is going to write one of them.
 */
export function refuseReplacing(options: Arguments, files: readonly string[], model: string): void {
  for (const { path, hint } of written.get(options) ?? [])
    if (files.some((file) => liesAt(file, path) || liesAt(file, `${path}.data`)))
      refuse(path, `weights of ${model} live there`, hint)
}

function liesAt(file: string, path: string): boolean {
  const [other, target] = [wholePath(file), wholePath(path)]
  return other === target || other.startsWith(`${target}${sep}`)
}

function refuse(path: string, reason: string, hint: string): never {
  throw new UserError('bad-argument', `cannot write ${path}: ${reason}`, {
    where: path,
    hint: `what it reads stays as it is; ${hint}`,
  })
}

/** A path without links and detours, also of what is not there yet. */
function wholePath(path: string): string {
  try {
    return realpathSync.native(path)
  } catch {
    const whole = resolve(path)
    return dirname(whole) === whole ? whole : join(wholePath(dirname(whole)), basename(whole))
  }
}

/** Writes what such an option asked for, and says so. */
export async function writeOutput(path: string, text: string, context: Context): Promise<void> {
  await writeAtomic(path, text)
  context.say(`wrote ${path}`)
}

/** The page that `-o FILE.html` asks for, looked at the same way; null without the option. */
export function pageAt(
  options: Arguments,
  example: string,
  hint = '--json prints the report for programs',
): string | null {
  const path = options.text('output')
  if (path === undefined) return null
  if (/\.html?$/i.test(path)) return writableFile(options, 'output', example)!
  throw wrongCall(`-o ${path}: the report is written as a page, FILE.html`, hint)
}
