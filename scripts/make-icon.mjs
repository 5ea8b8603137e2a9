/** @file Renders media/icon.png (the Marketplace takes no SVG) from media/icons/icon.svg. */
import sharp from "sharp";

await sharp("media/icons/icon.svg").resize(128, 128).png({ compressionLevel: 9 }).toFile("media/icon.png");
