/** Text as it may stand in SVG, between tags or in an attribute. */
export function svgText(text: string): string {
  return text.replace(/\p{C}/gu, ' ').replace(/[<>&"']/g, (sign) => ENTITIES[sign] ?? sign);
}

const ENTITIES: Readonly<Record<string, string>> = {
  '<': '&lt;',
  '>': '&gt;',
  '&': '&amp;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A place in a drawing: one digit behind the point is more than can be seen. */
export const place = (value: number): string => String(Math.round(value * 10) / 10);

/** `12,345` */
export const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',');
