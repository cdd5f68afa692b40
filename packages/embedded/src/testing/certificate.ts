import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** A certificate for 127.0.0.1 and localhost that is its own root, and its key, as PEM files in this folder. */
export const testCertificate = (folder: string): { cert: string; key: string } => {
  const [cert, key] = [join(folder, 'node.crt'), join(folder, 'node.key')]
  const what = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  execFileSync('openssl', ['req', ...what, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  return { cert, key }
}
