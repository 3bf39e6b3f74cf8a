/**
 * Modules that run in a process or thread of their own are named by URL, beside the module that starts them:
 * `siblingModule(import.meta.url, 'child')` is `child.js` in a build and `child.ts` in a checkout.
 */
export function siblingModule(from: string, name: string): URL {
  return new URL(`./${name}${from.endsWith('.ts') ? '.ts' : '.js'}`, from)
}

/** What Node must be told to run this module: nothing, except in a checkout on a version that cannot read TypeScript. */
export function preloads(module: URL): readonly string[] {
  const native = Boolean((process.features as unknown as Record<string, unknown>).typescript)
  return module.href.endsWith('.ts') && !native
    ? [new URL('../../../scripts/typescript-hooks.mjs', import.meta.url).href]
    : []
}
