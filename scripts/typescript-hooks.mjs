// Lets Node versions without type stripping run the sources, for child processes started from a checkout's tests.
import { register } from 'node:module'

const hooks = `
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from ${JSON.stringify(import.meta.resolve('typescript'))}
const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true }
export async function load(url, context, next) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return next(url, context)
  const { outputText } = ts.transpileModule(readFileSync(fileURLToPath(url), 'utf8'), { compilerOptions: options })
  return { format: 'module', source: outputText, shortCircuit: true }
}`
register(`data:text/javascript,${encodeURIComponent(hooks)}`)
