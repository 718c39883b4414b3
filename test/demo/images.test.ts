/** PNG of every kind that encoders write, and JPEG, decode to the pixels that Pillow sees; hostile ones are refused. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { crc32, deflateSync } from 'node:zlib';
import { decodeImage, meanColour, thumbnail } from '../../src/demo/images/image.ts';
import { decodePng, encodePng } from '../../src/demo/images/png.ts';

/** What it is, the file in base64, its pixels as hex RGB: saved and read back with Pillow 11.3.0. */
const pillow: readonly (readonly [string, string, string])[] = [
  [
    'RGB',
    'iVBORw0KGgoAAAANSUhEUgAAAAUAAAADCAIAAADUVFKvAAAAO0lEQVR4nAEwAM//AP/kInnzvQaDZqhSwbuWUQHzzRj5O9643y4uiIgAPwQB2vKpmNuWLmKVrxmcKZbVXJAYSIv/PSYAAAAASUVORK5CYII=',
    'ffe42279f3bd068366a852c1bb9651f3cd18ec08f6a4e724d26facd2aeb0daf2a972cd3fa02fd44f487078de45',
  ],
  [
    'RGB, filtered rows',
    'iVBORw0KGgoAAAANSUhEUgAAAAcAAAAGCAIAAACAbBMhAAAAFUlEQVR42mNkYGJhwwAsWlpa9BMFAEoLBRq2fKVYAAAAAElFTkSuQmCC',
    '00020406080a0c0e10121416181a1c1e20222426282a2c2e30323436383a3c3e40424446484a4c4e50525456585a5c5e60626466686a6c6e70727476787a7c7e80828486888a8c8e90929496989a9c9ea0a2a4a6a8aaacaeb0b2b4b6b8babcbec0c2c4c6c8caccced0d2d4d6d8dadcdee0e2e4e6e8eaeceef0f2f4f6f8fa',
  ],
  [
    'grey',
    'iVBORw0KGgoAAAANSUhEUgAAAAUAAAADCAAAAAB+XZokAAAAG0lEQVR4nGO89mmSnCLTu/nJMgos8tbLX0sBAESgBtNfSRY3AAAAAElFTkSuQmCC',
    'd6d6d6c8c8c85a5a5a787878999999c4c4c4676767bdbdbd949494b9b9b9e3e3e3a2a2a26464644f4f4faeaeae',
  ],
  [
    'grey and alpha',
    'iVBORw0KGgoAAAANSUhEUgAAAAUAAAADCAQAAADxPw1zAAAAKklEQVR4nGO89v8TwyQGOQZFBqZ3DPMZkhlkGBQYWOQZrBmWM7xmkGIAAKC1B9J51R3bAAAAAElFTkSuQmCC',
    'd6d6d6c8c8c85a5a5a787878999999c4c4c4676767bdbdbd949494b9b9b9e3e3e3a2a2a26464644f4f4faeaeae',
  ],
  [
    'RGB and alpha',
    'iVBORw0KGgoAAAANSUhEUgAAAAUAAAADCAYAAABbNsX4AAAASklEQVR4nAE/AMD/AP/kIv95873/BoNm/6hSwf+7llH/AfPNGP/5O94AuN8uAC6IiAAAPwQAAdryqf+Y25YALmKVAK8ZnAApltUAWrIfQSioJhAAAAAASUVORK5CYII=',
    'ffe42279f3bd068366a852c1bb9651f3cd18ec08f6a4e724d26facd2aeb0daf2a972cd3fa02fd44f487078de45',
  ],
  [
    'palette of 256',
    'iVBORw0KGgoAAAANSUhEUgAAAAUAAAADBAMAAACpGNjLAAAALVBMVEXa8qn/5CKk5yTzzRjSrrB587143kVyzT+7llHSb6yoUsEGg2bsCPagL9RPSHCL1GBfAAAAFElEQVR4nGMQ3dXAYKPpwMB+LwEAEsIDOn3piGoAAAAASUVORK5CYII=',
    'ffe42279f3bd068366a852c1bb9651f3cd18ec08f6a4e724d26facd2aeb0daf2a972cd3fa02fd44f487078de45',
  ],
  [
    'palette of 4, 2 bits',
    'iVBORw0KGgoAAAANSUhEUgAAAAUAAAADAgMAAAAmWC1rAAAADFBMVEXa2Fh232uPd4meKr7JckeTAAAAEUlEQVR4nGOQZmAwamCQcwAABFcBLFOwGIUAAAAASUVORK5CYII=',
    'dad85876df6b8f77899e2abedad858dad8589e2abedad8588f77898f7789dad85876df6b9e2abe8f778976df6b',
  ],
  [
    'palette of 16, 4 bits',
    'iVBORw0KGgoAAAANSUhEUgAAAAUAAAADBAMAAACpGNjLAAAALVBMVEXa8qn/5CKk5yTzzRjSrrB587143kVyzT+7llHSb6yoUsEGg2bsCPagL9RPSHCL1GBfAAAAFElEQVR4nGMQ3dXAYKPpwMB+LwEAEsIDOn3piGoAAAAASUVORK5CYII=',
    'ffe42279f3bd068366a852c1bb9651f3cd18ec08f6a4e724d26facd2aeb0daf2a972cd3fa02fd44f487078de45',
  ],
  [
    '1 bit grey',
    'iVBORw0KGgoAAAANSUhEUgAAAAUAAAADAQAAAABzTfhVAAAADklEQVR4nGO4wHSD4QYAB34Cg5y4KL4AAAAASUVORK5CYII=',
    'ffffffffffff000000ffffff000000ffffff000000ffffff000000ffffffffffffffffff000000ffffffffffff',
  ],
  [
    '16 bit grey',
    'iVBORw0KGgoAAAANSUhEUgAAAAUAAAADEAAAAAAuzUZnAAAAIElEQVR4nGNkYOBfILCAf4HAAhY/BX4FAQUBBX4kpgIAafYFoNEt/U8AAAAASUVORK5CYII=',
    '0000000f0f0f1f1f1f2e2e2e3e3e3e4e4e4e5d5d5d6d6d6d7d7d7d8c8c8c9c9c9cabababbbbbbbcbcbcbdadada',
  ],
];

function chunk(type: string, body: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  const typed = Buffer.concat([Buffer.from(type), body]);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, crc]);
}

function png(
  header: { width: number; height: number; depth?: number; colour?: number; interlace?: number },
  data: Uint8Array,
  deflated: Uint8Array = deflateSync(data),
  ...others: readonly Buffer[]
): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(header.width, 0);
  head.writeUInt32BE(header.height, 4);
  head.set([header.depth ?? 8, header.colour ?? 2, 0, 0, header.interlace ?? 0], 8);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', head),
    ...others,
    chunk('IDAT', deflated),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

describe('decodeImage', () => {
  for (const [name, file, pixels] of pillow) {
    it(`reads PNG: ${name}`, () => {
      assert.equal(Buffer.from(decodeImage(Buffer.from(file, 'base64')).rgb).toString('hex'), pixels);
    });
  }

  it('reads a JPEG close to the colours that went in', () => {
    const image = decodeImage(readFileSync(new URL('../../examples/sunset.jpg', import.meta.url)));
    assert.deepEqual([image.width, image.height, image.rgb.length], [64, 48, 64 * 48 * 3]);
    const [red, green, blue] = [...image.rgb.subarray(0, 3)];
    assert.ok(Math.abs(red! - 190) < 12 && Math.abs(green! - 70) < 12 && Math.abs(blue! - 60) < 12);
  });

  const refuses = (bytes: Uint8Array, reason: RegExp) =>
    assert.throws(() => decodeImage(bytes), { code: 3, message: reason });

  it('refuses a PNG whose pixels are no zlib stream, and gives out no memory in their place', () => {
    refuses(
      png({ width: 200, height: 200 }, Buffer.alloc(0), Buffer.from('789cdeadbeefdeadbeef', 'hex')),
      /^Invalid PNG data: /,
    );
  });

  it('refuses a PNG with a second header, a wrong check sum, or colours beyond its palette', () => {
    const one = { width: 1, height: 1 };
    const large = Buffer.from('0000400000004000080200000000', 'hex').subarray(0, 13);
    refuses(png(one, Buffer.alloc(4), undefined, chunk('IHDR', large)), /the first chunk alone/);
    const wrong = png(one, Buffer.alloc(4));
    wrong.writeUInt8(wrong.readUInt8(29) ^ 1, 29);
    refuses(wrong, /^Invalid PNG data: /);
    refuses(png({ ...one, colour: 3 }, Buffer.from([0, 7])), /^Invalid PNG data: /);
    refuses(
      png({ ...one, colour: 3 }, Buffer.from([0, 7]), undefined, chunk('PLTE', Buffer.alloc(3))),
      /^Invalid PNG data: /,
    );
  });

  it('refuses what is broken, too large, interlaced or a bomb, each with its reason', () => {
    const whole = Buffer.from(pillow[0]?.[1] ?? '', 'base64');
    refuses(Buffer.alloc(0), /^Unknown image file format/);
    refuses(whole.subarray(0, 50), /^Invalid PNG data: chunk IDAT is cut short/);
    refuses(whole.subarray(0, 8), /^Invalid PNG data: no header/);
    refuses(png({ width: 2, height: 1 }, Buffer.alloc(3)), /expected 7 bytes of pixels, got 3/);
    refuses(png({ width: 1, height: 1 }, Buffer.alloc(10_000_000)), /Invalid PNG data: /);
    refuses(png({ width: 100_000, height: 100_000 }, Buffer.alloc(3)), /over the limit of 16777216 pixels/);
    refuses(png({ width: 1, height: 1, interlace: 1 }, Buffer.alloc(4)), /interlaced/);
    refuses(png({ width: 1, height: 1, depth: 3 }, Buffer.alloc(4)), /3 bits a sample/);
    refuses(png({ width: 1, height: 1, colour: 5 }, Buffer.alloc(4)), /colour type 5/);
    refuses(png({ width: 1, height: 1 }, Buffer.from([9, 0, 0, 0])), /[Ff]ilter type/);
    refuses(Buffer.from('ffd8ffe000104a46', 'hex'), /^Invalid JPEG data: /);
    const jpeg = readFileSync(new URL('../../examples/sunset.jpg', import.meta.url));
    const frame = jpeg.indexOf(Buffer.from('ffc0', 'hex'));
    const huge = Buffer.from(jpeg);
    huge.writeUInt32BE(0xffffffff, frame + 5); // 65535 x 65535
    refuses(huge, /^Invalid JPEG data: .*exceed/);
  });
});

describe('encodePng', () => {
  it('writes what decodePng reads', () => {
    const rgb = Uint8Array.from({ length: 4 * 3 * 3 }, (_, i) => i * 7);
    const image = { width: 4, height: 3, rgb };
    assert.deepEqual(decodePng(encodePng(image), 100), image);
  });
});

describe('thumbnail and mean', () => {
  it('keep the colour of a plain image', () => {
    const plain = { width: 5, height: 3, rgb: new Uint8Array(45).fill(51) };
    assert.deepEqual([...thumbnail(plain, 2).rgb], new Array(12).fill(51));
    assert.deepEqual(
      meanColour(plain).map((v) => Math.round(v * 1000)),
      [200, 200, 200],
    );
  });
});
