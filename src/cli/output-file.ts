import { accessSync, constants, type Stats, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { explainSystemError, UserError } from '../platform/index.ts'
import type { Arguments } from './verb.ts'

/**
 * The `-o FILE` of a verb. Looked at before any work is done, so that a wrong path costs no one an hour.
 *
 * @throws UserError where the option is missing, the folder does not exist or may not be written, or FILE is a folder.
 */
export function outputFile(options: Arguments, example: string): string {
  return writableFile(options.required('output', `say where to write it: -o ${example}`), example)
}

/**
 * The `-o DIR` of a verb that writes several files, as a whole path; the folder is made when it is written.
 *
 * @throws UserError where the option is missing, is a file, or is named like a model: whoever writes `-o small.onnx`
 *   wants a file, and would look for it in vain.
 */
export function outputFolder(options: Arguments, example: string): string {
  const path = options.required('output', `say where to put the results: -o ${example}`)
  if (/\.onnx$/i.test(path))
    throw new UserError('bad-argument', `-o ${path}: this verb writes a folder of files`, {
      where: 'command line',
      hint: `name the folder: -o ${path.replace(/\.onnx$/i, '')}`,
    })
  let there: Stats | undefined
  try {
    there = statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    throw explainSystemError(error, path, 'write')
  }
  if (there?.isFile())
    throw new UserError('bad-argument', `-o ${path}: a file has this name, and a folder is to be written`, {
      where: path,
      hint: `name another folder, such as -o ${example}`,
    })
  return resolve(path)
}

/** The file of another option that names one, looked at the same way. */
export function writableFile(path: string, example: string): string {
  const folder = dirname(path)
  try {
    if (!statSync(folder).isDirectory()) throw Object.assign(new Error('not a folder'), { code: 'ENOTDIR' })
    accessSync(folder, constants.W_OK)
  } catch (error) {
    throw explainSystemError(error, path, 'write')
  }
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw new UserError('bad-argument', `cannot write ${path}: it is a folder`, {
      where: path,
      hint: `name a file in it, such as ${path.replace(/\/$/, '')}/${example}`,
    })
  return path
}

/** The page that `-o FILE.html` asks for, looked at the same way; null without the option. */
export function pageAt(options: Arguments, example: string): string | null {
  const path = options.text('output')
  if (path === undefined) return null
  if (/\.html?$/i.test(path)) return writableFile(path, example)
  throw new UserError('bad-argument', `-o ${path}: the report is written as a page, FILE.html`, {
    where: 'command line',
    hint: '--json prints the report for programs',
  })
}
