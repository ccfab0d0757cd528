import { Body, Container, Head, Html, Img, Link, Text } from "react-email";

export default function Issue() {
  return (
    <Html lang="en">
      <Head />
      <Body style={{ fontFamily: "sans-serif" }}>
        <Container style={{ maxWidth: "576px" }}>
          {/* the issue */}
        </Container>
      </Body>
    </Html>
  );
}
