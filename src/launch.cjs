#!/usr/bin/env node
/**
 * The command of the npm package: gives the gateway's process the flags of V8 that it needs, whoever starts it, then
 * loads it. Written so that every Node can read it: one that is too old is told so, and not shown a syntax error.
 */
'use strict';

// docs/decisions/0020-what-a-call-costs.md has the figures; bin/tensorgate and the Dockerfile give the same
var flags = [
  '--min-semi-space-size=16',
  '--max-semi-space-size=32',
  '--initial-old-space-size=128',
  '--no-maglev',
];
var oldest = [20, 19];
var marker = 'TENSORGATE_LAUNCHER';

var has = process.versions.node.split('.').map(Number);
var lasts = ['serve', 'demo'].indexOf(process.argv[2]) !== -1;
var isFlagged = process.execArgv.indexOf(flags[flags.length - 1]) !== -1;

if (has[0] < oldest[0] || (has[0] === oldest[0] && has[1] < oldest[1])) {
  console.error('tensorgate: needs Node ' + oldest.join('.') + ' or newer, and this is ' + process.version);
  process.exit(1);
} else if (!lasts || isFlagged || process.env[marker] !== undefined) {
  load();
} else {
  start();
}

/** This process is the gateway's. */
function load() {
  if (process.env[marker] === 'parent') {
    // who was asked to be the gateway is gone: so is the gateway, in order
    process.on('disconnect', function () {
      process.kill(process.pid, 'SIGTERM');
    });
    process.channel.unref();
  }
  // the workers of this process are not the launcher's
  delete process.env[marker];
  import('./main.js').catch(function (error) {
    console.error(error);
    process.exit(1);
  });
}

/** These flags stand on a command line or do nothing: the process becomes one that has them, or has one below it. */
function start() {
  // what the user says of these flags is later on the line, and holds
  var args = flags.concat(process.execArgv, [__filename], process.argv.slice(2));
  // Node 22.15 and 23.11 have it, for POSIX: the same process, so signals and its end are nobody's business
  if (process.execve !== undefined && process.platform !== 'win32') {
    var env = Object.assign({}, process.env);
    env[marker] = 'self';
    process.execve(process.execPath, [process.execPath].concat(args), env);
  }
  startBelow(args);
}

/** @param {string[]} args */
function startBelow(args) {
  var env = Object.assign({}, process.env);
  env[marker] = 'parent';
  var child = require('child_process').spawn(process.execPath, args, {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: env,
  });
  ['SIGTERM', 'SIGINT', 'SIGHUP'].forEach(function (signal) {
    process.on(signal, function () {
      // the terminal has told both already; a second SIGINT would be a person who will not wait
      if (signal === 'SIGINT' && require('tty').isatty(0)) return;
      child.kill(signal);
    });
  });
  child.on('error', function (error) {
    console.error('tensorgate: ' + error.message);
    process.exit(1);
  });
  child.on('exit', function (code, signal) {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
