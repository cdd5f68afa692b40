// Removes what was compiled. Folders are named one by one, so that nothing inside node_modules is touched.
import { readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const rooms = ['packages', 'services'].flatMap((floor) =>
  readdirSync(join(root, floor)).map((room) => join(floor, room)),
)
for (const room of [...rooms, 'migrations', 'scripts/specs'])
  rmSync(join(root, room, 'dist'), { recursive: true, force: true })
