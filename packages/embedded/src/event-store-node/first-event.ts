import type { WriteRequest } from './apply-request.js'

/**
 * What a new node writes before anything else. A real one has its settings, users and statistics in `$all` by the time a client
 * comes, and clients rely on `$all` never being empty.
 */
export const firstEvent: WriteRequest = {
  kind: 'append',
  stream: '$settings',
  expected: 'any',
  events: [
    {
      id: 'a3d70f9c-4b45-4ad9-8ee2-1d1d0b0c5f7e',
      type: '$settings',
      isJson: true,
      data: Buffer.from(
        JSON.stringify({
          $userStreamAcl: { $r: '$all', $w: '$all', $d: '$all', $mr: '$all', $mw: '$all' },
          $systemStreamAcl: { $r: '$admins', $w: '$admins', $d: '$admins', $mr: '$admins', $mw: '$admins' },
        }),
      ),
      metadata: Buffer.alloc(0),
    },
  ],
}
