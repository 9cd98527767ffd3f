import { encode } from 'uqr';

const SVG = 'http://www.w3.org/2000/svg';

/** Light modules around the picture, without which scanners do not find it. */
const BORDER = 4;

/** `text` as a picture to scan: dark on light, whatever the colours of the page are. */
export function qrCode(text: string, label: string): SVGSVGElement {
  const { data, size } = encode(text, { border: BORDER });
  const picture = document.createElementNS(SVG, 'svg');
  picture.setAttribute('viewBox', `0 0 ${size} ${size}`);
  picture.setAttribute('class', 'qr');
  picture.setAttribute('role', 'img');
  picture.setAttribute('aria-label', label);
  const modules = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : [])));
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', modules.join(''));
  picture.append(path);
  return picture;
}
