// Lets Node versions without type stripping run the sources, for child processes started from a checkout's tests.
// The transformer is the one that vitest brings along: it loads in a fortieth of the time that TypeScript takes.
import { register } from 'node:module'

const hooks = `
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { transformSync } from ${JSON.stringify(import.meta.resolve('rolldown/utils'))}
export async function load(url, context, next) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return next(url, context)
  const path = fileURLToPath(url)
  const options = { lang: 'ts', target: 'es2022', typescript: { onlyRemoveTypeImports: true } }
  const { code, errors } = transformSync(path, readFileSync(path, 'utf8'), options)
  if (errors.length > 0) throw new SyntaxError(errors[0].message)
  return { format: 'module', source: code, shortCircuit: true }
}`
if (!process.features.typescript) register(`data:text/javascript,${encodeURIComponent(hooks)}`)
