// Compiles to dist/ and makes the command executable. Its own script because npm's pre and post hooks are switched off.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'

rmSync('dist', { recursive: true, force: true })
const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
  stdio: 'inherit',
})
if (status !== 0) process.exit(status ?? 1)
if (existsSync('dist/src/cli/main.js')) await bundle()

/**
 * The command once more, as a few files instead of seven hundred: finding and compiling each file for itself took a
 * quarter of a short command's time. All lie in one folder, so that a module which runs in a process or thread of its
 * own stands beside whatever starts it, as it does in the sources. Packages stay packages.
 */
async function bundle() {
  const { rolldown } = await import('rolldown')
  const entry = (path) => resolve('dist/src', `${path}.js`)
  const build = await rolldown({
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/') && !/^[A-Za-z]:[\\/]/.test(id),
    input: {
      main: entry('cli/main'),
      'ort-node-child': entry('engine/ort-node-child'),
      'ort-node-lanes-child': entry('engine/ort-node-lanes-child'),
      'ort-node-lane': entry('engine/ort-node-lane'),
      'drill-thread': entry('serve/rollout/drill-thread'),
      'pglite-thread': entry('state/pglite-thread'),
    },
  })
  await build.write({ dir: 'dist/whet', format: 'esm', entryFileNames: '[name].js', chunkFileNames: 'part-[name].js' })
  await build.close()
  chmodSync('dist/whet/main.js', 0o755)
}
