//! Pictures in other formats, and small.

use crate::files::{PICTURES, encoded, file, fixture, picture};
use image::{DynamicImage, ImageFormat as Format, Rgb};
use media::{Converted, ImageFormat, MediaError, MediaType, convert, sniff, thumbnail};

const TARGETS: [ImageFormat; 3] = [ImageFormat::WebP, ImageFormat::Png, ImageFormat::Jpeg];

#[test]
fn every_format_becomes_every_other() {
    for from in PICTURES {
        let input = file(&picture(20, 10, from));
        for to in TARGETS {
            let Converted { bytes, width, height } = convert(input.path(), to).unwrap();
            assert_eq!((width, height), (20, 10));
            let is_same = sniff(&std::fs::read(input.path()).unwrap()) == Some(to.media_type());
            assert_eq!(bytes.is_none(), is_same, "{from:?} {to:?}");
            let Some(bytes) = bytes else { continue };
            assert_eq!(sniff(&bytes), Some(to.media_type()));
            let picture = image::load_from_memory(&bytes).unwrap();
            assert_eq!((picture.width(), picture.height()), (20, 10));
        }
    }
}

#[test]
fn transparency_is_kept_where_it_can_be_and_white_elsewhere() {
    let input = file(&picture(20, 10, Format::Png));
    let webp = image::load_from_memory(&convert(input.path(), ImageFormat::WebP).unwrap().bytes.unwrap());
    assert_eq!(webp.unwrap().into_rgba8().get_pixel(18, 5).0[3], 0);
    for jpeg in [
        convert(input.path(), ImageFormat::Jpeg).unwrap().bytes.unwrap(),
        thumbnail(input.path(), 512).unwrap(),
    ] {
        let Rgb([red, green, blue]) = *image::load_from_memory(&jpeg).unwrap().into_rgb8().get_pixel(18, 5);
        assert!(red > 245 && green > 245 && blue > 245, "{red} {green} {blue}");
    }
}

#[test]
fn deep_and_grey_pictures_are_taken() {
    for picture in
        [DynamicImage::new_rgba16(4, 4), DynamicImage::new_luma8(4, 4), DynamicImage::new_luma_a16(4, 4)]
    {
        let input = file(&encoded(picture, Format::Png));
        for to in [ImageFormat::WebP, ImageFormat::Jpeg] {
            assert!(convert(input.path(), to).unwrap().bytes.is_some());
        }
    }
}

#[test]
fn thumbnails() {
    let check = |width: u32, height: u32, expected: (u32, u32)| {
        let small = thumbnail(file(&picture(width, height, Format::Png)).path(), 512).unwrap();
        assert_eq!(sniff(&small), Some(MediaType::Jpeg));
        let small = image::load_from_memory(&small).unwrap();
        assert_eq!((small.width(), small.height()), expected);
    };
    check(1_024, 1_024, (512, 512));
    check(1_792, 1_024, (512, 293));
    check(600, 1_200, (256, 512));
    check(512, 100, (512, 100));
    check(10, 10, (10, 10));
    check(5_000, 1, (512, 1));
}

#[test]
fn what_is_no_picture_is_not_converted() {
    let sound = fixture("tone.wav");
    for result in [convert(&sound, ImageFormat::Png).map(drop), thumbnail(&sound, 512).map(drop)] {
        assert!(matches!(result, Err(MediaError::NotAPicture(MediaType::Wav))));
    }
    let half = picture(200, 100, Format::Png);
    let half = file(&half[..half.len() / 2]);
    assert!(matches!(convert(half.path(), ImageFormat::WebP), Err(MediaError::Damaged(_))));
}

#[test]
fn formats_have_their_names() {
    let formats = ["webp", "png", "jpeg", "gif"].map(ImageFormat::parse);
    assert_eq!(formats, [Some(ImageFormat::WebP), Some(ImageFormat::Png), Some(ImageFormat::Jpeg), None]);
}
