"use strict";
// Paints what differs between the two captures of the page: nothing leaves the browser.
(() => {
  const PIXELS_MAX = 4e6;
  const NOTICED = 24; // of 255: what lossy pictures differ by on their own is less
  const CHANGED = [214, 0, 110];

  const box = document.getElementById("difference");
  const images = [...document.querySelectorAll("img.side")];
  if (!box || images.length !== 2) return;
  const canvas = box.querySelector("canvas");
  const said = box.querySelector("[role=status]");
  const fade = box.querySelector(".fade");

  function pixels(image, width, height, scale) {
    const own = document.createElement("canvas");
    own.width = width;
    own.height = height;
    const brush = own.getContext("2d", { willReadFrequently: true });
    brush.drawImage(image, 0, 0, image.naturalWidth * scale, image.naturalHeight * scale);
    return brush.getImageData(0, 0, width, height);
  }

  // The later picture, pale and grey, with all in one colour that is not as it was.
  function differing([earlier, later]) {
    const painted = new ImageData(later.width, later.height);
    let changed = 0;
    for (let i = 0; i < painted.data.length; i += 4) {
      const by = Math.max(...[0, 1, 2, 3].map((c) => Math.abs(earlier.data[i + c] - later.data[i + c])));
      const light = later.data[i] * 0.3 + later.data[i + 1] * 0.59 + later.data[i + 2] * 0.11;
      const pale = 170 + light / 3;
      changed += by > NOTICED;
      painted.data.set(by > NOTICED ? [...CHANGED, 255] : [pale, pale, pale, 255], i);
    }
    return { painted, share: changed / (painted.data.length / 4) };
  }

  async function compare() {
    await Promise.all(images.map((each) => each.decode()));
    const sizes = images.map((each) => [each.naturalWidth, each.naturalHeight]);
    const [wide, high] = [0, 1].map((side) => Math.max(...sizes.map((size) => size[side])));
    const scale = Math.min(1, Math.sqrt(PIXELS_MAX / (wide * high)));
    canvas.width = Math.max(1, Math.round(wide * scale));
    canvas.height = Math.max(1, Math.round(high * scale));
    const { painted, share } = differing(images.map((each) => pixels(each, canvas.width, canvas.height, scale)));
    const brush = canvas.getContext("2d");
    const paint = () => {
      const isFade = box.querySelector("[name=view]:checked").value === "fade";
      fade.hidden = !isFade;
      brush.globalAlpha = 1;
      if (!isFade) { brush.putImageData(painted, 0, 0); return; }
      brush.clearRect(0, 0, canvas.width, canvas.height);
      [1, fade.querySelector("input").value / 100].forEach((alpha, i) => {
        brush.globalAlpha = alpha;
        brush.drawImage(images[i], 0, 0, images[i].naturalWidth * scale, images[i].naturalHeight * scale);
      });
    };
    box.addEventListener("input", paint);
    paint();
    const percent = share === 0 ? "Nothing differs" : `${share < 0.001 ? "Less than 0.1" : (share * 100).toFixed(1)} % of the pixels differ`;
    const [first, second] = sizes.map((size) => size.join(" by "));
    said.textContent = first === second ? `${percent}.` : `${percent}; the sizes do, too: ${first} and ${second}.`;
  }

  box.hidden = false;
  compare().catch(() => { said.textContent = "A picture is no longer kept, or cannot be read."; });
})();
