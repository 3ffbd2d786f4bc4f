"""Raw media → arrays that a reader takes: speech segments, speakers, faces, prosody, tokens, transcripts."""
