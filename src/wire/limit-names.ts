/** The limits of connections that may refuse something, by the names that metrics have for them. */

/** A limit of a connection. The last ones are too many frames of one kind. */
export type ConnectionLimit =
  | 'cancels'
  | 'headers'
  | 'idle connection'
  | 'pipelined'
  | 'resets'
  | 'slow headers'
  | 'slow reader'
  | 'streams'
  | '1xx'
  | 'continuations'
  | 'control'
  | 'empty DATA'
  | 'GOAWAY'
  | 'PING'
  | 'PRIORITY'
  | 'RST_STREAM'
  | 'SETTINGS'
  | 'unknown'
  | 'WINDOW_UPDATE';
